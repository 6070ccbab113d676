"""Outcomes that a caller can act on, without any wire text.

Theory: a lower package may add leaves, never roots. Each protocol has one table that turns these into
its replies, and a test walks all subclasses and fails on one without an entry.

    MailError
    ├── TemporaryFailure          the service cannot now; the same call may succeed later
    │   └── InsufficientStorage   there is no room for what is to be kept
    └── PermanentFailure          the same call will fail again
        ├── NotFound              no such account, Mailbox, Email, blob, domain, address
        ├── AlreadyExists         the name or id is taken
        ├── Forbidden             the caller may not do this
        ├── OverQuota             a limit of the account, domain or tenant is reached
        ├── TooLarge              one object is larger than a limit
        ├── InvalidValue          a value that can never be accepted
        ├── StateMismatch         the caller's picture of the state is out of date
        └── NotEmpty              a Mailbox still has children or Emails
    LocalProtocolError            a driver broke the contract of a core: our fault
"""


class MailError(Exception):
    """Root of all outcomes."""


class TemporaryFailure(MailError):
    """The service cannot do this now; trying again later may succeed."""


class InsufficientStorage(TemporaryFailure):
    """There is no room now for what is to be kept: a full disk, or object storage that is away."""


class PermanentFailure(MailError):
    """The service will not do this, now or later."""


class NotFound(PermanentFailure):
    """What was named does not exist, or may not be seen by the caller."""


class AlreadyExists(PermanentFailure):
    """What should be made is there already."""


class Forbidden(PermanentFailure):
    """The caller may not do this."""


class OverQuota(PermanentFailure):
    """A limit of the account, its domain or its tenant is reached."""


class TooLarge(PermanentFailure):
    """One object is larger than a limit."""


class InvalidValue(PermanentFailure):
    """A value can never be accepted."""


class StateMismatch(PermanentFailure):
    """The state that the caller expected is not the state there is."""


class NotEmpty(PermanentFailure):
    """A Mailbox has children or Emails and the caller did not ask to remove them."""


class LocalProtocolError(Exception):
    """A driver broke the contract of a protocol core; always a fault of our own."""
