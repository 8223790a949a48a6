"""API requests and replies in wire format."""
