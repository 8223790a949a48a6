"""The task API as a port: what may be asked, and what may be answered."""
