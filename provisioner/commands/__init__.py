"""The command line: parsing, one module per command, and what the commands share."""
