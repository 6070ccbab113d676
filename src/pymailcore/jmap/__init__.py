"""JMAP: pure core in protocol, one module per data type, HTTP and event source."""
