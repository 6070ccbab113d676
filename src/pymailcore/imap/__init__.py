"""IMAP: pure core in protocol, the view of a selected Mailbox, one module per command family."""
