"""The local disk: manifest files, state, journal, lock and cache."""
