"""One function per verb; the wiring between the rooms."""
