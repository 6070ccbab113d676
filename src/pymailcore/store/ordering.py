"""What a message is sorted and threaded by, made once when it arrives.

Standards: RFC 5256 sections 2.1 (base subject), 2.2 (sent date) and 3 (sort keys; references of a message),
RFC 5957 section 3 (DISPLAYFROM, DISPLAYTO), RFC 8621 section 4.4.2.

Sort keys are texts that databases compare octet by octet and get the order of i;unicode-casemap (RFC 5256
section 7).
"""

import re
import unicodedata
from typing import Final, NamedTuple

from pymailcore.message.addresses import split_addr_spec
from pymailcore.message.base_subject import base_subject_and_reply
from pymailcore.message.facts import Facts
from pymailcore.message.headers import EmailAddress, decoded_text
from pymailcore.message.threading_values import pack_threading

MAX_SORT_TEXT: Final = 1_024
"""Characters that a sort key is made of: decomposed, one is up to 18, and marks are put in order slowly."""

_GROUP_END: Final = b"(NIL NIL NIL NIL)"
_TOKEN: Final = re.compile(rb'"((?:[^"\\]|\\.)*+)"|\{([0-9]{1,9})\}\r\n|([()])|(NIL)| ', re.DOTALL)
_LISTS: Final = {2: "from", 5: "to", 6: "cc"}  # members of ENVELOPE


class SortValues(NamedTuple):
    """The last columns of email_headers, in their order.

    Attributes:
        base_subject: RFC 5256 section 2.1.
        from_sort, to_sort: the DISPLAY sort value of RFC 5957.
        from_mailbox, to_mailbox, cc_mailbox: addr-mailbox of the first address.
        threading: see `message.threading_values`.
    """

    base_subject: str
    from_sort: str
    to_sort: str
    from_mailbox: str
    to_mailbox: str
    cc_mailbox: str
    threading: bytes


def sort_values(facts: Facts, envelope: bytes) -> SortValues:
    """Take from a message what it is sorted and threaded by.

    Args:
        envelope: as FETCH gives it; says whether a list begins with a group, which `facts` do not.
    """
    base, is_reply = base_subject_and_reply(facts.subject or "")
    subject = casemap(base)
    groups = first_groups(envelope) if _GROUP_END in envelope else {}
    from_ = _first(facts.from_, groups.get("from"))
    to = _first(facts.to, groups.get("to"))
    cc = _first(facts.cc, groups.get("cc"))
    return SortValues(
        subject,
        casemap(from_[0]),
        casemap(to[0]),
        casemap(from_[1]),
        casemap(to[1]),
        casemap(cc[1]),
        pack_threading(facts, subject, is_reply=is_reply),
    )


def _first(addresses: list[EmailAddress] | None, group: str | None) -> tuple[str, str]:
    """The DISPLAY sort value and the addr-mailbox of a list's first address structure."""
    if group is not None:
        return group, group
    if not addresses:
        return "", ""
    name, email = addresses[0]
    localpart, _ = split_addr_spec(email)
    return name or email, localpart


def casemap(text: str) -> str:
    """Give the text whose octets sort as i;unicode-casemap does: titlecase, then decomposed.

    Characters whose titlecase is more than one character have none there and stay as they are.
    """
    text = text[:MAX_SORT_TEXT].replace("\0", "\ufffd")
    if text.isascii():
        return text.upper()
    title = "".join([upper if len(upper := char.title()) == 1 else char for char in text])
    return unicodedata.normalize("NFKD", title).encode("utf-8", "replace").decode()


# --- groups -------------------------------------------------------------------------------------


def first_groups(envelope: bytes) -> dict[str, str]:
    """The names of the groups with which From, To and Cc begin, of those that begin with one.

    An address structure without a host is the beginning of a group (RFC 9051 section 7.5.2).
    """
    found = {}
    members = _members(envelope)
    for place, name in _LISTS.items():
        addresses = members[place] if place < len(members) else None
        first = addresses[0] if isinstance(addresses, list) and addresses else None
        if isinstance(first, list) and len(first) == 4 and first[3] is None and isinstance(first[2], bytes):
            found[name] = decoded_text(first[2].decode("utf-8", "replace"))
    return found


_Value = bytes | list["_Value"] | None


def _members(envelope: bytes) -> list[_Value]:
    """Read a list of strings, NILs and lists."""
    stack: list[list[_Value]] = [[]]
    place = 0
    while (match := _TOKEN.match(envelope, place)) is not None:
        place = match.end()
        quoted, size, bracket, nil = match.groups()
        if quoted is not None:
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", quoted, flags=re.DOTALL))
        elif size is not None:
            stack[-1].append(envelope[place : place + int(size)])
            place += int(size)
        elif nil is not None:
            stack[-1].append(None)
        elif bracket == b"(":
            stack.append([])
        elif bracket == b")" and len(stack) > 1:
            last = stack.pop()
            stack[-1].append(last)
    first = stack[0][0] if stack[0] else None
    return first if isinstance(first, list) else []
