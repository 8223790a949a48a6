"""Plans, drift and state as JSON documents, and their schemas."""
