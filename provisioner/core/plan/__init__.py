"""What would have to happen, and whether it may."""
