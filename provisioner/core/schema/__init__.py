"""What is known about the fields of a task, and the schema that follows from it."""
