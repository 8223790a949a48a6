"""What commands work with while they run."""
