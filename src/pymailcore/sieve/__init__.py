"""The Sieve language, pure."""
