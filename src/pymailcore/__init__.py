"""pymailcore: SMTP, submission, IMAP, JMAP and a webmail over one message store."""

__version__ = "0.1.0"
