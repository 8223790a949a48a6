"""The same API, played locally and written from the API definition alone."""
