"""Resolver over dnspython with a cache."""
