"""Finds what is wrong in a store, beside the server that runs on it, and repairs it."""
