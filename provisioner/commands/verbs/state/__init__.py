"""The commands that begin with ``state``."""
