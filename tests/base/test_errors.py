"""The tree of outcomes."""

from pymailcore.base.errors import LocalProtocolError, MailError, PermanentFailure, TemporaryFailure


def test_every_outcome_is_temporary_or_permanent() -> None:
    """A protocol can always say whether to try again."""
    assert set(MailError.__subclasses__()) == {TemporaryFailure, PermanentFailure}
    assert not issubclass(LocalProtocolError, MailError)
