"""RFC 5322 and MIME, pure: parse, structure, header values, split, compose, DSN documents."""
