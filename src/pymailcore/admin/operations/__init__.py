"""What administrators do: one module for each kind of thing, each with a table of its operations."""
