"""Composition root: builds every object and hands each what it needs."""
