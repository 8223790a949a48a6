"""Plans and drift as documents, and their schemas."""
