"""What LIST says."""

FIRST = [
    b'LIST (\\HasNoChildren) "/" INBOX',
    b'LIST (\\HasNoChildren \\Drafts) "/" Drafts',
    b'LIST (\\HasNoChildren \\Sent) "/" Sent',
    b'LIST (\\HasNoChildren \\Archive) "/" Archive',
    b'LIST (\\HasNoChildren \\Junk) "/" Junk',
    b'LIST (\\HasNoChildren \\Trash) "/" Trash',
]
"""Of a new account."""


def names(untagged: list[bytes]) -> list[bytes]:
    """The Mailboxes of some lines of LIST."""
    return [line.split(b'"/" ', 1)[1] for line in untagged]
