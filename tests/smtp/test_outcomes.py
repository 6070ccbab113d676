import importlib
import pkgutil

import pytest

import pymailcore
from pymailcore.base import errors
from pymailcore.base.errors import (
    InsufficientStorage,
    MailError,
    OverQuota,
    PermanentFailure,
    TemporaryFailure,
)
from pymailcore.smtp.outcomes import REPLIES, reply_for


def leaves(kind: type[MailError]) -> list[type[MailError]]:
    below = [leaf for child in kind.__subclasses__() for leaf in leaves(child)]
    return [kind, *below]


def all_outcomes() -> list[type[MailError]]:
    """Every subclass in the product, whatever package adds it."""
    for module in pkgutil.walk_packages(pymailcore.__path__, "pymailcore."):
        if module.name.endswith(".errors"):
            importlib.import_module(module.name)
    return [kind for kind in leaves(MailError) if kind is not MailError]


@pytest.mark.parametrize("kind", all_outcomes(), ids=lambda kind: kind.__name__)
def test_every_outcome_has_a_reply(kind: type[MailError]) -> None:
    """RFC 5321 section 4.2.1: a temporary failure is 4yz, never 5yz."""
    if kind.__module__ == errors.__name__:
        assert kind in REPLIES
    outcome = kind.__new__(kind)  # some say more than a text when they are made
    outcome.args = ("detail that stays here",)
    found = reply_for(outcome)
    assert found.code != 421
    if issubclass(kind, TemporaryFailure):
        assert found.temporary
    assert "detail" not in found.text
    assert found.enhanced[0] == str(found.code)[0]


def test_a_full_disk_is_told_from_a_full_mailbox() -> None:
    """RFC 5321 section 4.2.2: 452 for both; RFC 3463 section 3.4: 4.3.1 is ours, 4.2.2 the mailbox's."""
    for outcome, enhanced in ((InsufficientStorage(), "4.3.1"), (OverQuota(), "4.2.2")):
        found = reply_for(outcome)
        assert (found.code, found.enhanced) == (452, enhanced)


def test_a_new_leaf_has_the_reply_of_its_kind() -> None:
    class Peculiar(PermanentFailure):
        """A leaf that another package adds."""

    assert reply_for(Peculiar()) == REPLIES[PermanentFailure]


def test_a_root_without_entry_ends_the_connection() -> None:
    class Unheard(MailError):
        """Neither temporary nor permanent."""

    assert reply_for(Unheard()).code == 421
