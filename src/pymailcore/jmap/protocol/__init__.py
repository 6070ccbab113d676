"""JMAP requests, result references, errors and wire forms: pure."""
