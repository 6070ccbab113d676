"""A whole server for other people's test suites.

`MailServer` is a context manager; `pymailcore.testing.plugin` is a pytest plugin with the fixture
`mail_server`.
"""

from pymailcore.testing.server import MailServer

__all__ = ["MailServer"]
