"""Calls and replies in the words of the API."""
