"""Configuration: TOML into the frozen settings classes that live beside each component."""
