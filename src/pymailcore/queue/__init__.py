"""Durable outbound queue: retry schedule, routes, relaying, DSNs."""
