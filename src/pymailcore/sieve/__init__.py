"""The Sieve language, pure; nothing is here yet."""
