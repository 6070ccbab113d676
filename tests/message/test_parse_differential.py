"""Agreement with Python's email package on well-formed mail; each known difference is explained.

The messages are written by `email.message` itself and by our own builder, so neither parser is asked for
what only it would understand. Known differences:

1. A part's last line end: email keeps the one that ends the part when a body is text without transfer
   encoding; both sides are compared with line ends as LF, which email's `get_content` gives.
2. email gives `us-ascii` text with `replace`; ours reads UTF-8 in it. Neither writer makes such text.
3. email numbers no parts and gives no offsets: compared are types, order, names and decoded content.
4. email puts a space between encoded-words next to each other in a display name or subject, which RFC 2047
   section 6.2 forbids; white space is left out of the comparison of these.
5. email reads a subject of encoded-words and keeps a lone CR or LF in it out; the writers make none.
"""

import email
import email.policy
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pymailcore.message.builder import Draft, attachment, build, picture
from pymailcore.message.facts import unpack
from pymailcore.message.headers import EmailAddress
from pymailcore.message.parse import parse
from pymailcore.message.prepare import prepare
from pymailcore.message.structure import Part, walk
from pymailcore.message.text import decode_body, text_of

DATE = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
WORD = st.text("abcXYZ019éüßжあ", min_size=1, max_size=12)
WORDS = st.lists(WORD, min_size=1, max_size=6).map(" ".join)
ASCII_WORD = st.text("abcXYZ019", min_size=1, max_size=12)
LINES = st.lists(WORDS | st.just(""), min_size=1, max_size=6).map(lambda lines: "\n".join([*lines, ""]))
PEOPLE = st.lists(st.tuples(WORDS | st.just(""), ASCII_WORD), min_size=1, max_size=3)
FILES = st.lists(st.tuples(WORDS, st.binary(max_size=200)), max_size=3)


def their_parts(octets: bytes) -> list[tuple[str, str | None, object]]:
    message = email.message_from_bytes(octets, policy=email.policy.default)
    out: list[tuple[str, str | None, object]] = []
    for part in message.walk():
        content: object = None
        if not part.is_multipart():
            content = part.get_content()
            if isinstance(content, str):
                content = content.replace("\r\n", "\n").rstrip("\n")
        out.append((part.get_content_type(), part.get_filename(), content))
    return out


def our_parts(octets: bytes) -> list[tuple[str, str | None, object]]:
    def content(part: Part) -> object:
        if part.is_multipart or part.children:
            return None
        return text_of(octets, part)[0].rstrip("\n") if part.type == "text" else decode_body(octets, part)

    return [
        (part.mime_type, None if part.is_multipart else part.filename, content(part))
        for part in walk(parse(octets).root)
    ]


def squeezed(text: str) -> str:
    return "".join(text.split())


def compare(octets: bytes) -> None:
    """Parts with their content, and the fields that a list shows."""
    assert our_parts(octets) == their_parts(octets)
    theirs = email.message_from_bytes(octets, policy=email.policy.default)
    facts = unpack(prepare(octets).facts)
    assert facts.subject is not None
    assert squeezed(facts.subject) == squeezed(str(theirs["subject"]))
    assert facts.sent_at is not None
    assert datetime.fromisoformat(facts.sent_at) == theirs["date"].datetime
    for name, ours in (("from", facts.from_), ("to", facts.to), ("cc", facts.cc)):
        if theirs[name] is None:
            assert ours is None
            continue
        assert ours is not None
        assert [(squeezed(address.name or ""), address.email) for address in ours] == [
            (squeezed(address.display_name), address.addr_spec) for address in theirs[name].addresses
        ]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(subject=WORDS, people=PEOPLE, text=LINES, html=st.none() | LINES, files=FILES, line_end=st.booleans())
def test_what_python_writes_is_read_as_python_reads_it(
    subject: str,
    people: list[tuple[str, str]],
    text: str,
    html: str | None,
    files: list[tuple[str, bytes]],
    line_end: bool,
) -> None:
    message = EmailMessage(policy=email.policy.SMTP if line_end else email.policy.default.clone(linesep="\n"))
    message["Subject"] = subject
    message["From"] = [Address(name, local, "example.com") for name, local in people[:1]]
    message["To"] = [Address(name, local, "example.com") for name, local in people]
    message["Date"] = DATE
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    for name, content in files:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    octets = message.as_bytes()
    # Python folds some long lists into encoded words that swallow addresses: it cannot read them itself
    written = email.message_from_bytes(octets, policy=email.policy.default)["To"].addresses
    assume([address.addr_spec for address in written] == [f"{local}@example.com" for _, local in people])
    compare(octets)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(subject=WORDS, people=PEOPLE, text=LINES, html=st.none() | LINES, files=FILES, pictures=FILES)
def test_what_we_write_is_read_as_python_reads_it(
    subject: str,
    people: list[tuple[str, str]],
    text: str,
    html: str | None,
    files: list[tuple[str, bytes]],
    pictures: list[tuple[str, bytes]],
) -> None:
    addresses = [EmailAddress(name or None, f"{local}@example.com") for name, local in people]
    draft = Draft(
        from_=addresses[:1],
        to=addresses,
        subject=subject,
        text=text,
        html=html,
        inline=[picture(content, type="image/png", cid="c@x", name=name) for name, content in pictures],
        attachments=[attachment(content, name=name) for name, content in files],
    )
    compare(build(draft, date=DATE, message_id="m@example.com", boundary="=_b7"))
