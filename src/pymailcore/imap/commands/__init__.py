"""IMAP commands, one module per family."""
