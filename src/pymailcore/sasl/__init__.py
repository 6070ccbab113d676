"""SASL mechanisms as challenge and response machines, pure."""
