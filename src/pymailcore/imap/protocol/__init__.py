"""IMAP tokenizer, grammar, commands and responses: pure and bounded."""
