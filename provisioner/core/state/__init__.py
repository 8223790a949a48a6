"""What we know we made: the state, its snapshot and its journal."""
