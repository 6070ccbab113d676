"""Trio plumbing: listeners, TLS, deadlines, worker threads, change notices, metrics, logs."""
