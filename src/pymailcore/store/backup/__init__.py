"""Copies of a whole store that can be kept elsewhere, and what is made of them again."""
