"""Plans, states and results as text and JSON: values in, text out, nothing printed."""
