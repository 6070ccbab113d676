"""JMAP methods, one module per data type."""
