"""What understands the formats; imported by the helper process only."""
