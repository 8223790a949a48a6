"""The local disk: manifests, settings, state, journal and lock."""
