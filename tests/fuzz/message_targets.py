"""Fuzz targets of the message package: each takes any octets, and raises when a promise is broken.

By hand, with atheris, without limit (docs/develop/message.md says how to get it):

    python -m tests.fuzz.message_atheris prepare /tmp/corpus tests/corpora/message

In the test run the same targets are driven by `test_message_fuzz.py` with seeded mutations of the corpus.
"""

from collections.abc import Callable

from pymailcore.message import facts, structure
from pymailcore.message.addresses import parse_addresses
from pymailcore.message.authentication_results import parse_authentication_results
from pymailcore.message.binary import binary
from pymailcore.message.bodies import bodies
from pymailcore.message.charsets import decode_counted
from pymailcore.message.dates import parse_date
from pymailcore.message.dsn_reading import read_delivery_report
from pymailcore.message.feedback import read_feedback_report
from pymailcore.message.fields import read_fields, unfolded
from pymailcore.message.flowed import join_flowed, read_flowed, write_flowed
from pymailcore.message.headers import (
    as_addresses,
    as_date,
    as_grouped_addresses,
    as_message_ids,
    as_raw,
    as_text,
    as_urls,
    split_fields,
)
from pymailcore.message.html import html_to_text
from pymailcore.message.list_fields import list_fields
from pymailcore.message.mdn import read_disposition_notification
from pymailcore.message.parameters import parse_parameters
from pymailcore.message.parse import parse
from pymailcore.message.prepare import prepare
from pymailcore.message.received import parse_received
from pymailcore.message.section import Section, section
from pymailcore.message.split import join, part_leaf
from pymailcore.message.text import decode_body, flowed_text_of, searchable_text
from pymailcore.message.transfer import KNOWN, decode_transfer
from pymailcore.message.typed_leaves import external_body, partial_message
from pymailcore.message.wire import utf8_forms
from pymailcore.message.words import decode_words


def fuzz_prepare(octets: bytes) -> None:
    """Parse, split and rebuild; wire forms are ASCII, or UTF-8 where asked."""
    prepared = prepare(octets)
    leaves = [leaf.octets for leaf in prepared.leaves]
    assert join(prepared.recipe, prepared.skeleton, leaves) == octets
    assert (prepared.envelope + prepared.body + prepared.bodystructure).isascii()
    root = structure.unpack(prepared.parts)
    facts.unpack(prepared.facts)
    b"".join(utf8_forms(octets, root)).decode("utf-8")
    for part in structure.walk(root):
        assert 0 <= part.header_start <= part.body_start <= part.body_end <= len(octets)
        place = part_leaf(prepared.recipe, part)
        if place is not None and place.decoded:
            assert leaves[place.number] == decode_body(octets, part)


def fuzz_read(octets: bytes) -> None:
    """Read everything out of a message that can be asked for."""
    root = parse(octets).root
    for part in list(structure.walk(root))[:50]:
        decode_body(octets, part)
        flowed_text_of(octets, part)[0].encode("utf-8")
        partial_message(part)
        external_body(octets, part)
    for path in ((), (1,), (1, 1), (2, 1)):
        binary(octets, root, path, first=1, count=10)
        for what in ("", "MIME", "HEADER", "TEXT", "HEADER.FIELDS"):
            section(octets, root, Section(path, what, ("subject",)))
    bodies(root)
    searchable_text(octets, root, 10_000).encode("utf-8")
    read_delivery_report(octets, root)
    read_disposition_notification(octets, root)
    read_feedback_report(octets, root)


def fuzz_fields(octets: bytes) -> None:
    """Read each field of a header in all forms."""
    fields = [raw for _, raw in split_fields(octets)][:20]
    for raw in (octets, *fields):
        as_raw(raw)
        as_text(raw).encode("utf-8")
        as_addresses(raw)
        as_grouped_addresses(raw)
        as_message_ids(raw)
        as_date(raw)
        as_urls(raw)
        parse_received(raw)
    list_fields(read_fields(octets, 0, len(octets)))


def fuzz_addresses(octets: bytes) -> None:
    """Addresses: as many as the limit at most."""
    groups = parse_addresses(unfolded(octets), 20)
    assert sum(len(group.addresses) for group in groups) + len(groups) <= 42


def fuzz_parameters(octets: bytes) -> None:
    """Parameters have names in lower case."""
    _, parameters = parse_parameters(unfolded(octets))
    assert all(name == name.lower() for name in parameters)


def fuzz_words(octets: bytes) -> None:
    """Encoded-words and dates."""
    text = unfolded(octets)
    decode_words(text)
    parse_date(text)


def fuzz_transfer(octets: bytes) -> None:
    """Transfer encodings: the first octet chooses; the result is not longer than the input."""
    names = sorted(KNOWN)
    body = octets[1:]
    name = names[octets[0] % len(names)] if octets else "base64"
    # a length in a uuencoded line may claim 45 octets that are not there; they are zeros
    assert len(decode_transfer(body, name)) <= (len(body) if "uu" not in name else 45 * (len(body) + 1))


def fuzz_charsets(octets: bytes) -> None:
    """A label and octets: text that UTF-8 can carry."""
    label, _, body = octets.partition(b"\n")
    decode_counted(body, label.decode("latin-1")).text.encode("utf-8")


def fuzz_html(octets: bytes) -> None:
    """HTML to text keeps its limit."""
    assert len(html_to_text(octets.decode("utf-8", "replace"), 100)) <= 100


def fuzz_flowed(octets: bytes) -> None:
    """format=flowed: what is read and written again reads the same."""
    text = octets.decode("utf-8", "replace").replace("\r", "")
    join_flowed(text, delete_space=True)
    paragraphs = read_flowed(text)
    trimmed = [
        paragraph if paragraph.text == "-- " else paragraph._replace(text=paragraph.text.rstrip(" "))
        for paragraph in paragraphs
    ]
    assert read_flowed(write_flowed(paragraphs)) == trimmed


def fuzz_authentication_results(octets: bytes) -> None:
    """A foreign parser behind our guard."""
    parse_authentication_results(octets)
    parse_authentication_results(b"x; " + octets)


TARGETS: dict[str, Callable[[bytes], None]] = {
    name.removeprefix("fuzz_"): target
    for name, target in sorted(globals().items())
    if name.startswith("fuzz_")
}
