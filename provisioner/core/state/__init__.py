"""Recorded tasks: state, snapshot and journal."""
