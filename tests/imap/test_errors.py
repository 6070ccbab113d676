import importlib
import pkgutil

import pymailcore
from pymailcore.base.errors import InsufficientStorage, MailError, TemporaryFailure
from pymailcore.imap.errors import TABLE, refusal
from pymailcore.imap.protocol.responses import Condition


def descendants(kind: type[MailError]) -> set[type[MailError]]:
    below = {one for child in kind.__subclasses__() for one in descendants(child)}
    return {*kind.__subclasses__(), *below}


def test_every_outcome_has_a_response() -> None:
    """STYLE 3.6: roots have their own; leaves of lower packages have that of their nearest ancestor."""
    for info in pkgutil.walk_packages(pymailcore.__path__, "pymailcore."):
        if info.name.endswith(".errors"):
            importlib.import_module(info.name)
    found = descendants(MailError)
    assert {kind for kind in found if kind.__module__ == "pymailcore.base.errors"} <= TABLE.keys()
    for kind in found:
        status = refusal(kind.__new__(kind))
        assert status.condition is Condition.NO
        assert status is not TABLE[MailError], kind


def test_every_response_has_a_code() -> None:
    """RFC 5530 section 3: a client need not read the text."""
    assert all(status.code for status in TABLE.values())


def test_a_full_disk_may_be_tried_again() -> None:
    """RFC 5530 section 3: UNAVAILABLE, and not OVERQUOTA, which would ask the user to delete mail."""
    status = refusal(InsufficientStorage())
    assert status.code == b"UNAVAILABLE"
    assert status.text != refusal(TemporaryFailure()).text
