import itertools
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.smtp import ENVELOPE, codes, feed, opened, pieces

from pymailcore.smtp.protocol import events
from pymailcore.smtp.protocol.lines import LineBuffer
from pymailcore.smtp.protocol.mail_data import (
    BareLineEnd,
    LineMender,
    MailDataReader,
    canonical,
    encode_mail_data,
)


def read(octets: bytes, step: int = 1_000_000) -> tuple[bytes, bool]:
    """Read mail data; give it and whether it ended, which it must do where the octets do."""
    buffer, reader, message = LineBuffer(), MailDataReader(), b""
    fed = 0
    for piece in pieces(octets, step):
        buffer.append(piece)
        fed += len(piece)
        while (found := reader.read(buffer)) is not None:
            if not found:
                assert fed == len(octets)
                assert not len(buffer)
                return message, True
            message += found
    return message, False


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1_000])
def test_dots_are_removed_and_the_end_is_found(step: int) -> None:
    """RFC 5321 section 4.5.2."""
    assert read(b"..\r\n.x\r\na.\r\n\r\n.\r\n", step) == (b".\r\nx\r\na.\r\n\r\n", True)
    assert read(b".\r\n", step) == (b"", True)
    assert read(b"..\r\n", step) == (b".", False)


LINES = st.lists(st.text(alphabet=".ab\u00e9", max_size=5).map(str.encode), max_size=8)


@given(message=LINES, step=st.integers(1, 9))
def test_mail_data_comes_back_as_it_was_before_stuffing(message: list[bytes], step: int) -> None:
    """RFC 5321 section 4.5.2, both halves."""
    octets = b"".join(line + b"\r\n" for line in message)
    assert read(encode_mail_data(octets), step) == (octets, True)


@given(octets=st.text(alphabet="\r\n.\0a", max_size=30).map(str.encode), step=st.integers(1, 5))
def test_what_leaves_is_canonical_whatever_is_stored(octets: bytes, step: int) -> None:
    """RFC 5321 section 2.3.8: a strict receiver reads exactly the canonical form, and nothing behind it."""
    wire = encode_mail_data(octets)
    assert re.search(rb"\r(?!\n)|(?<!\r)\n|\0", wire) is None
    assert wire.count(b"\r\n.\r\n") + wire.startswith(b".\r\n") == 1
    assert read(wire, step) == (canonical(octets), True)


@given(st.text(alphabet="\r\nab", max_size=12).map(str.encode), st.integers(1, 4))
def test_what_is_mended_in_pieces_is_what_would_be_mended_whole(octets: bytes, step: int) -> None:
    """RFC 5321 section 2.3.8."""
    mender = LineMender()
    mended = b"".join(mender.mend(piece) for piece in pieces(octets, step))
    assert mended == re.sub(rb"\r\n|\r|\n", b"\r\n", octets)


def test_canonical_octets_are_not_copied() -> None:
    octets = b"a\r\nb\r\n"
    assert canonical(octets) is octets
    assert canonical(b"a\nb\rc\r\n\r\r\nd\0") == b"a\r\nb\r\nc\r\n\r\n\r\nd\r\n"
    assert canonical(b"") == b""


@pytest.mark.parametrize(
    "octets", [b"a\rb\r\n", b"a\nb\r\n", b"\n", b"\rx", b"\r\r\n", b"\n\r\n", b".\r.\r\n"]
)
@pytest.mark.parametrize("step", [1, 2, 100])
def test_bare_line_ends_are_found(octets: bytes, step: int) -> None:
    """RFC 5321 section 2.3.8."""
    with pytest.raises(BareLineEnd):
        read(octets + b".\r\n", step)


# SMTP smuggling: CVE-2023-51764 (Postfix), 51765 (Sendmail), 51766 (Exim), 51747 (James), 52354 (chasquid).

SMUGGLED = b"MAIL FROM:<forged@host.example>\r\nRCPT TO:<b@host.example>\r\nDATA\r\nforged\r\n.\r\n"


def reference(octets: bytes, *, strict: bool = True) -> tuple[bytes | None, bytes]:
    """Split mail data the slow way: the message, None when it must be refused, and what is behind it."""
    end = (b"\r\n" + octets).find(b"\r\n.\r\n")
    assert end >= 0
    message, rest = octets[:end], octets[end + 3 :]
    if strict and re.search(rb"\r(?!\n)|(?<!\r)\n", message):
        return None, rest
    return re.sub(rb"(\A|\r\n)\.", rb"\1", message), rest


def smuggle(octets: bytes, cuts: tuple[int, ...]) -> None:
    """Feed mail data, then a second transaction, and compare with the reference."""
    octets = b"x" + octets + SMUGGLED + b"\r\n.\r\nQUIT\r\n"
    message, rest = reference(octets)
    protocol = opened(octets=ENVELOPE + b"DATA\r\n")
    seen: list[events.Event] = []
    start = 0
    for cut in (*cuts, len(octets)):
        seen += feed(protocol, octets[start:cut])
        start = cut
    if message is None:
        assert events.MailDataAborted() in seen
        first = seen.index(events.MailDataAborted())
        assert protocol.bytes_to_send().startswith(b"554 5.6.0 ")
    else:
        first = next(n for n, event in enumerate(seen) if isinstance(event, events.MailDataEnd))
        got = b"".join(event.octets for event in seen[:first] if isinstance(event, events.MailData))
        assert got == message
    assert all(isinstance(event, events.MailData) for event in seen[:first])
    # A second transaction is seen only when its line stands behind the true end of the first.
    honest = any(line.startswith(b"MAIL ") for line in rest.split(b"\n"))
    assert any(isinstance(event, events.Mail) for event in seen[first:]) is honest


def strings(length: int) -> Iterator[bytes]:
    for size in range(length + 1):
        for letters in itertools.product(b"\r\n.\0a", repeat=size):
            yield bytes(letters)


def split(octets: bytes, cut: int, *, strict: bool = True) -> tuple[bytes | None, bytes]:
    """What the reader makes of octets that come in two pieces, in the form of `reference`."""
    buffer, reader = LineBuffer(), MailDataReader(strict=strict)
    message: bytes | None = b""
    for piece in (octets[:cut], octets[cut:]):
        buffer.append(piece)
        while True:
            try:
                found = reader.read(buffer)
            except BareLineEnd:
                message = None
                continue
            if not found:
                break
            message = None if message is None else message + found
    assert found == b""
    return message, buffer.take_all()


@pytest.mark.slow
def test_nothing_can_be_smuggled_in_strings_of_five() -> None:
    """RFC 5321 section 2.3.8; all 3,906 strings, whole and in ones, and by the reader in two pieces."""
    for octets in strings(5):
        smuggle(octets, ())
        smuggle(octets, tuple(range(1, len(octets) + 6)))
        octets = b"x" + octets + SMUGGLED
        for strict in (True, False):  # the repair mode of submission ends no message earlier
            expected = reference(octets, strict=strict)
            for cut in range(1, 12):
                assert split(octets, cut, strict=strict) == expected, (octets, cut)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_nothing_can_be_smuggled_in_strings_of_seven() -> None:
    """RFC 5321 section 2.3.8; all 97,656 strings, whole and split at each octet."""
    for octets in strings(7):
        smuggle(octets, ())
        for cut in range(1, len(octets) + 6):
            smuggle(octets, (cut,))


# What the known tools try: SMTP-Smuggling-Tools (seven on the way in, nine on the way out), smtpsmug.
ENDINGS = {
    b"\n.\n": 554,
    b"\n.\r": 554,
    b"\r.\n": 554,
    b"\r.\r": 554,
    b"\n.\r\n": 554,
    b"\r.\r\n": 554,
    b"\r\n\0.\r\n": 250,  # an octet of the message, and no dot in front
    b"\r\n.\r\r\n": 554,
    b"\r\r\n.\r\r\n": 554,
    b"\r\n.\n": 554,
    b"\r\n.\r": 554,
    b"\r\n..\r\n": 250,
    b"\r\n.\0\r\n": 250,
    b"\r\n. \r\n": 250,
    b"\n\n.\r\n": 554,
}


@pytest.mark.parametrize("step", [1, 3, 1_000])
@pytest.mark.parametrize("ending", list(ENDINGS))
def test_smuggled_ends_of_data_begin_no_second_transaction(ending: bytes, step: int) -> None:
    """RFC 5321 section 2.3.8."""
    protocol = opened(octets=ENVELOPE + b"DATA\r\n")
    seen = feed(protocol, b"x" + ending + SMUGGLED[:-3], step)
    assert not any(isinstance(event, events.Mail | events.MailDataEnd) for event in seen)
    assert protocol.bytes_to_send() == b""
    feed(protocol, b".\r\n", step)
    assert codes(protocol.bytes_to_send()) == [b"%d" % ENDINGS[ending]]
