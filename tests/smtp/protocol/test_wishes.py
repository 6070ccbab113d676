"""What a sender wishes, from commands and from decoded values: one table."""

import pytest

from pymailcore.base.envelope import DeliverBy, ReportTerms, Terms
from pymailcore.smtp.protocol.extensions import Extensions
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.parameters import split
from pymailcore.smtp.protocol.reply import CommandRefused
from pymailcore.smtp.protocol.wishes import MAX_VALUE_CHARACTERS, from_decoded, read_mail, read_recipient

NOW_MS = 1_000_000
OPTIONS = ServerOptions(
    hostname="mx.example",
    postmaster_domain="mx.example",
    encrypted=True,
    extensions=Extensions(dsn=True, requiretls=True, max_hold_seconds=100, deliverby=True, priority=True),
    now_ms=lambda: NOW_MS,
)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"HOLDFOR": "60"}, b"HOLDFOR=60"),
        ({"holdfor": "60"}, b"holdfor=60"),
        ({"REQUIRETLS": None, "SMTPUTF8": None}, b"REQUIRETLS SMTPUTF8"),
        ({"ENVID": "a+b =c", "RET": "hdrs"}, b"ENVID=a+2Bb+20+3Dc RET=hdrs"),
        ({"BY": "120;RT", "MT-PRIORITY": "-3"}, b"BY=120;RT MT-PRIORITY=-3"),
        ({"SIZE": "10", "BODY": "8BITMIME"}, b"SIZE=10 BODY=8BITMIME"),
    ],
)
def test_decoded_values_mean_what_commands_mean(given: dict[str, str | None], written: bytes) -> None:
    """RFC 8621 section 7: encodings are removed in JMAP, and nothing else is different."""
    assert from_decoded(given) == split(written)
    ours, theirs = read_mail(from_decoded(given), OPTIONS), read_mail(split(written), OPTIONS)
    assert (ours.terms, ours.smtputf8, ours.eight_bit, ours.size_octets) == (
        theirs.terms,
        theirs.smtputf8,
        theirs.eight_bit,
        theirs.size_octets,
    )


def test_all_wishes_of_a_message_at_once() -> None:
    given = {
        "ENVID": "e 1",
        "RET": "FULL",
        "HOLDFOR": "100",
        "BY": "5;R",
        "MT-PRIORITY": "9",
        "REQUIRETLS": None,
    }
    assert read_mail(from_decoded(given), OPTIONS).terms == Terms(
        ret="FULL",
        envid="e 1",
        require_tls=True,
        hold_until_ms=NOW_MS + 100_000,
        deliver_by=DeliverBy(at_ms=NOW_MS + 5_000, give_up=True),
        priority=9,
    )


@pytest.mark.parametrize(
    ("given", "terms"),
    [
        ({"NOTIFY": "SUCCESS,delay"}, ReportTerms(notify=frozenset({"SUCCESS", "DELAY"}))),
        ({"ORCPT": "RFC822;a+b@c.example"}, ReportTerms(orcpt="RFC822;a+b@c.example")),
        ({"ORCPT": "utf-8;jürg@c.example"}, ReportTerms(orcpt="utf-8;jürg@c.example")),
    ],
)
def test_wishes_of_a_recipient(given: dict[str, str | None], terms: ReportTerms) -> None:
    """RFC 3461 section 4, RFC 6533 section 3."""
    assert read_recipient(from_decoded(given), OPTIONS, smtputf8=False) == terms


@pytest.mark.parametrize(
    "given",
    [
        {"HOLDFOR": "60 REQUIRETLS"},  # one value is one value
        {"HOLDFOR": "60\r\nRCPT"},
        {"HOLDFOR": "101"},
        {"HOLDFOR": ""},
        {"HOLDFOR": None},
        {"HOLDFOR": 60},
        {"HOLDFOR": ["60"]},
        {"HOLDFOR": "1", "holdfor": "2"},
        {"HOLDFOR": "1", "HOLDUNTIL": "1970-01-01T00:17:00Z"},
        {"REQUIRETLS": ""},
        {"REQUIRETLS": "yes"},
        {"REQUIRE TLS": None},
        {"\ud800": None},
        {"ENVID": "\ud800"},
        {"ENVID": "ü"},
        {"ENVID": "a\nb"},
        {"ENVID": "x" * 101},
        {"ENVID": "x" * (MAX_VALUE_CHARACTERS + 1)},
        {"BODY": "BINARYMIME"},  # its chunks are not of this envelope
        {"AUTH": "<>"},
        {"NOTIFY": "SUCCESS"},  # of a recipient
        {"X": "1"},
        {str(number): None for number in range(17)},
    ],
)
def test_what_is_no_wish_of_a_message(given: dict[str, object]) -> None:
    with pytest.raises(CommandRefused):
        read_mail(from_decoded(given), OPTIONS)


@pytest.mark.parametrize(
    "given",
    [
        {"NOTIFY": "NEVER,SUCCESS"},
        {"NOTIFY": None},
        {"ORCPT": "a@b.example"},
        {"ORCPT": "rfc822;"},
        {"ORCPT": "rfc822;ü@b.example"},
        {"ORCPT": "utf-8;a\u202eb@c.example"},
        {"RET": "FULL"},
    ],
)
def test_what_is_no_wish_of_a_recipient(given: dict[str, object]) -> None:
    with pytest.raises(CommandRefused):
        read_recipient(from_decoded(given), OPTIONS, smtputf8=False)
