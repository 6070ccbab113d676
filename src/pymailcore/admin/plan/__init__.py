"""Declared state: what there should be, what differs from it, and the operations that make it so."""
