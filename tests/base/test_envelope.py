"""The envelope."""

import dataclasses

import pytest

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope


def test_an_envelope_does_not_change() -> None:
    """RFC 5321 section 2.3.1: what was accepted is what is delivered."""
    envelope = Envelope(reverse_path=None, recipients=(Address("a", "example.org"),))
    with pytest.raises(dataclasses.FrozenInstanceError):
        envelope.smtputf8 = True  # type: ignore[misc]
