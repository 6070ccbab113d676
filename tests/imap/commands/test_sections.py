import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import mails
from tests.support.imap_client import ImapWorld

from pymailcore.imap.commands.sections import SectionReader
from pymailcore.imap.protocol.fetch_grammar import parse_fetch_items
from pymailcore.imap.protocol.fetch_items import BodySection
from pymailcore.imap.protocol.scanner import Scanner
from pymailcore.message.prepare import prepare
from pymailcore.message.section import Section, section
from pymailcore.message.structure import unpack

TEXTS = st.text(st.sampled_from("ab \r\n-=äß."), max_size=30)
HEADERS = st.lists(
    st.sampled_from(["Subject: x", "X-Long: a\r\n b", "From: a@b.test", "Content-Description: d"]), max_size=3
)


def part(headers: list[str], kind: str, body: str) -> str:
    return "\r\n".join([*headers, *([kind] if kind else [])]) + "\r\n\r\n" + body


def multipart(headers: list[str], parts: list[str], boundary: str) -> str:
    body = "".join(f"--{boundary}\r\n{one}\r\n" for one in parts) + f"--{boundary}--\r\n"
    return part(headers, f"Content-Type: multipart/mixed; boundary={boundary}", body)


LEAVES = st.builds(
    part, HEADERS, st.sampled_from(["", "Content-Type: text/html", "Content-Type: x/y"]), TEXTS
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(
            multipart, HEADERS, st.lists(inner, min_size=1, max_size=3), st.sampled_from(["b1", "c2", "d3"])
        ),
        st.builds(part, HEADERS, st.just("Content-Type: message/rfc822"), inner),
    ),
    max_leaves=6,
)
SPECS = (
    b"", b"HEADER", b"TEXT", b"HEADER.FIELDS (Subject)", b"HEADER.FIELDS.NOT (subject)", b"1", b"2", b"1.1",
    b"1.2", b"1.MIME", b"1.HEADER", b"1.TEXT", b"1.1.TEXT", b"1.1.1", b"2.1.MIME", b"1.HEADER.FIELDS (from)",
)  # fmt: skip


def item(spec: bytes, partial: bytes = b"") -> BodySection:
    (found,) = parse_fetch_items(Scanner([b"BODY.PEEK[" + spec + b"]" + partial]))
    assert isinstance(found, BodySection)
    return found


@given(TREES, st.sampled_from(SPECS), st.one_of(st.none(), st.tuples(st.integers(0, 60), st.integers(1, 60))))
def test_sections_are_those_of_the_message_package(
    text: str, spec: bytes, partial: tuple[int, int] | None
) -> None:
    """RFC 3501 section 6.4.5: octets exactly, NIL where there is no such section, then the partial."""
    octets = text.encode()
    packed = prepare(octets).parts
    asked = item(spec, b"" if partial is None else b"<%d.%d>" % partial)
    expected = section(octets, unpack(packed), Section(asked.path, asked.what, asked.fields))
    written = b"".join(SectionReader([asked]).read(octets, packed))
    if expected is None:
        assert written == asked.label + b" NIL"
        return
    if partial is not None:
        expected = expected[partial[0] : partial[0] + partial[1]]
    assert written == asked.label + (b" {%d}\r\n%b" % (len(expected), expected) if expected else b' ""')


def test_several_items_stand_side_by_side() -> None:
    """RFC 3501 section 7.4.2."""
    written = SectionReader([item(b""), item(b"", b"<0.1>")]).read(b"abc", None)
    assert b"".join(written) == b"BODY[] {3}\r\nabc BODY[]<0> {1}\r\na"


@pytest.mark.parametrize("octets", [mails.picture(), mails.attachment(20_000)])
async def test_sections_over_the_wire(world: ImapWorld, octets: bytes) -> None:
    """RFC 3501 section 6.4.5, through the real store."""
    await world.deliver(octets)
    root = unpack(prepare(octets).parts)
    async with await world.log_in("INBOX") as client:
        for spec in SPECS:
            asked = item(spec)
            (items,) = await client.fetch(f"FETCH 1 BODY.PEEK[{spec.decode()}]")
            expected = section(octets, root, Section(asked.path, asked.what, asked.fields))
            assert items[asked.label.decode()] == expected
