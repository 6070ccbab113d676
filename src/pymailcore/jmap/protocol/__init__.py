"""JMAP as values: requests, references, arguments, errors. Pure: no I/O, no store."""
