"""Task bodies: in one form, compared, masked, read back, and found where they are written."""
