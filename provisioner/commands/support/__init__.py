"""Helpers that commands share while they run."""
