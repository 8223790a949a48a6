"""Manifest files as documents: YAML and JSON, read strictly."""
