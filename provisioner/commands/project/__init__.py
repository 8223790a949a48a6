"""The project on disk: its settings, its manifests, its state file."""
