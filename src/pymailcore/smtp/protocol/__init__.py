"""SMTP server and client cores: pure state machines over octets."""
