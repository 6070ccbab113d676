"""What plug-ins answer: replies and header fields that end where they end."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.smtp.hooks import AddField, Disconnect, PutOff, Refuse, Tag

ANY_TEXT = st.text(st.sampled_from("\r\n\0\x1b\x85\u2028 aé5.-ß") | st.characters(), max_size=900)


@pytest.mark.parametrize(("kind", "code"), [(Refuse, 550), (PutOff, 451), (Disconnect, 421)])
@given(text=ANY_TEXT)
def test_a_text_of_a_plug_in_is_one_line_of_ascii(
    kind: type[Refuse | PutOff | Disconnect], code: int, text: str
) -> None:
    """RFC 5321 sections 4.2.1 and 4.5.3.1.5: whatever it says, it is one reply."""
    octets = kind(text).reply.encode()
    assert octets.startswith(b"%d " % code)
    assert octets.endswith(b"\r\n")
    assert all(0x20 <= octet <= 0x7E for octet in octets[:-2])
    assert len(octets) <= 512


@pytest.mark.parametrize(
    "make",
    [
        lambda: Refuse("x", "4.7.1"),
        lambda: Refuse("x", "5.7.1\r\n250 2.0.0 yes"),
        lambda: Refuse("x", ""),
        lambda: PutOff("x", "5.7.1"),
        lambda: Disconnect("x", "2.0.0"),
        lambda: Disconnect("x", "4.7.1000"),
        lambda: Tag("Two words"),
        lambda: Tag("x" * 65),
        lambda: AddField("Received", "from nowhere"),
        lambda: AddField("return-path", "<>"),
    ],
)
def test_what_would_say_something_else_cannot_be_made(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"status|tag|server"):
        make()


@given(name=ANY_TEXT, value=ANY_TEXT)
def test_a_header_field_is_one_field_or_none(name: str, value: str) -> None:
    """S17: no line of it can be a field of its own."""
    try:
        octets = AddField(name, value).octets
    except ValueError:
        return
    assert octets.startswith(name.encode() + b":")
    assert octets.endswith(b"\r\n")
    assert all(line[:1] in b" \t" for line in octets[:-2].split(b"\r\n")[1:])
    assert not octets.replace(b"\r\n", b"").count(b"\n")
