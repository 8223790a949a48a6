"""A plan as a document: text out, nothing printed."""
