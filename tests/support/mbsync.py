"""What Debian's mbsync is told, to mirror an account into a Maildir and back."""

from pathlib import Path


def mbsync_settings(port: int, user: str, password: str, maildir: Path, tls: str) -> str:
    """The text of its configuration.

    Args:
        maildir: the folder below which it keeps Inbox and all others.
        tls: the lines that say how it speaks TLS.
    """
    return f"""IMAPStore far
Host 127.0.0.1
Port {port}
User {user}
Pass "{password}"
{tls}

MaildirStore near
Path {maildir}/
Inbox {maildir}/Inbox
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
"""
