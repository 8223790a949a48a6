"""What runs in WeData, and the calls that change it."""
