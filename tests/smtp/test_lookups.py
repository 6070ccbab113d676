"""lookups: what is told to VRFY and EXPN (RFC 5321 section 3.5)."""

from pymailcore.base.address import Address
from pymailcore.smtp import lookups
from pymailcore.smtp.protocol import events
from pymailcore.smtp.protocol.reply import Reply

B = Address("b", "host.example")
U = Address("j\u00f6rg", "host.example")


def test_addresses_stand_in_angle_brackets_a_line_each() -> None:
    assert lookups.exists(events.Verify(B), B).encode() == b"250 2.1.5 <b@host.example>\r\n"
    told = lookups.consists_of(events.Verify(B, expand=True), ["b@host.example", "c@host.example"])
    assert told.encode() == b"250-2.1.5 <b@host.example>\r\n250 2.1.5 <c@host.example>\r\n"
    assert lookups.consists_of(events.Verify(B, expand=True), []) == lookups.NO_SUCH_GROUP


def test_octets_above_127_are_told_to_who_can_read_them() -> None:
    """RFC 6531 section 3.7.4.2."""
    assert lookups.exists(events.Verify(U), U) == lookups.NEEDS_SMTPUTF8
    assert lookups.exists(events.Verify(U, smtputf8=True), U) == Reply(
        250, "2.1.5", "<j\u00f6rg@host.example>"
    )


def test_a_group_has_so_many_members_and_no_more() -> None:
    """999, 1,000, 1,001."""
    event = events.Verify(B, expand=True)
    for count, code in ((999, 250), (1_000, 250), (1_001, 252)):
        told = lookups.consists_of(event, [f"m{number}@host.example" for number in range(count)])
        assert told.code == code
        assert told.text.count("\n") == (count - 1 if code == 250 else 0)
