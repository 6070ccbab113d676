"""Store operations by subject: coroutines that await only their transaction."""
