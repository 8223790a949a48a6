"""The remote API: signed HTTP exchanges and what their answers mean."""
