"""The command line: one module for each command, read only when it is called."""
