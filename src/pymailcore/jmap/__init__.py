"""JMAP: the protocol as values, one module per data type, and the HTTP in front of them."""
