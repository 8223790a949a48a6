"""Plans, states and results as text and Markdown: values in, text out, nothing printed."""
