"""The table of API fields, validation, and the schema that follows from both."""
