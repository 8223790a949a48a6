"""Task bodies: in one form, compared, read back, and found again where they are written."""
