"""What one process of the family does for the store besides serving it: collect, rewrite, check, expire."""
