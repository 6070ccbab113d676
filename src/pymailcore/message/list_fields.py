"""The fields that mailing lists add.

Standards: RFC 2369 sections 2 and 3 (List-Help, -Subscribe, -Unsubscribe, -Post, -Owner, -Archive),
RFC 2919 sections 2 and 3 (List-Id).

URLs are given in the order of the sender's preference; whether one may be followed is the caller's matter.
"""

import re
from typing import Final, NamedTuple

from pymailcore.message.fields import Fields, unfolded, without_comments, without_escapes
from pymailcore.message.headers import as_urls, normalised
from pymailcore.message.words import decode_words

_LIST_ID: Final = re.compile(r"<([^<>\s]{1,255})>\s*+\Z")
_MAX_URLS: Final = 100


class ListFields(NamedTuple):
    """What a message says about the list that it came through; empty where it says nothing.

    Attributes:
        id: of List-Id, in lower case, because it is compared so; None without a valid one.
        name: the words before it.
        post_closed: List-Post is "NO": nobody may post (RFC 2369 section 3.4).
    """

    id: str | None
    name: str | None
    help: tuple[str, ...]
    subscribe: tuple[str, ...]
    unsubscribe: tuple[str, ...]
    post: tuple[str, ...]
    post_closed: bool
    owner: tuple[str, ...]
    archive: tuple[str, ...]


def parse_list_id(raw: bytes) -> tuple[str | None, str | None]:
    """Read a List-Id: the identifier, and the phrase before it, decoded."""
    text = without_comments(unfolded(raw[:4096])).strip()
    match = _LIST_ID.search(text)
    if match is None:
        return None, None
    name = text[: match.start()].strip()
    if len(name) >= 2 and name[0] == name[-1] == '"':
        name = without_escapes(name[1:-1])
    return match[1].lower(), normalised(decode_words(name)) or None


def list_fields(fields: Fields) -> ListFields:
    """Read the List-* fields of a header."""

    def urls(name: bytes) -> tuple[str, ...]:
        raw = fields.get(name)
        return () if raw is None else tuple((as_urls(raw) or ())[:_MAX_URLS])

    id_, name = parse_list_id(fields.get(b"list-id", b""))
    post = fields.get(b"list-post")
    closed = post is not None and without_comments(unfolded(post[:4096])).strip().lower() == "no"
    return ListFields(
        id_,
        name,
        urls(b"list-help"),
        urls(b"list-subscribe"),
        urls(b"list-unsubscribe"),
        urls(b"list-post"),
        closed,
        urls(b"list-owner"),
        urls(b"list-archive"),
    )
