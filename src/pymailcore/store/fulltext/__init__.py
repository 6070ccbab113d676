"""The full-text index: a file of its own beside the store, which can be thrown away and made again."""
