"""A whole server for other people's tests."""
