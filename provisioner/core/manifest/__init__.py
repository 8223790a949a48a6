"""Manifests: from a document to a task as asked for, and back."""
