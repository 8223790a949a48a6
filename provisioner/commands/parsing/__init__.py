"""The table of commands and flags, and parsing against it."""
