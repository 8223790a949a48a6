"""What was typed: the table of commands, and what it is understood as."""
