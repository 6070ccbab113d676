"""A whole message from what a person or a program wants to say.

Standards: RFC 5322 section 3.6, RFC 2045, RFC 2387 (pictures inside of HTML), RFC 2183, RFC 6532 (addresses
and text in UTF-8, when asked), RFC 3676 (format=flowed, when asked).

Date, Message-ID and boundary are arguments; what is written has one form, so the same values give the same
octets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pymailcore.message.compose import BodyPart, body_tree, compose
from pymailcore.message.encode import address_header, date_header, encode_header, message_ids_header
from pymailcore.message.flowed import flow_text
from pymailcore.message.headers import EmailAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is to be written; empty lists and None leave their fields out.

    Attributes:
        text: plain text; each line is a paragraph when `flowed`.
        inline: pictures that the HTML shows by their Content-ID (`picture`).
        attachments: from `attachment`.
        fields: whole further fields, from the functions of `message.encode`.
        flowed: write the text as format=flowed.
        utf8: write header text as UTF-8 instead of encoded-words; only for receivers with SMTPUTF8.
    """

    from_: Sequence[EmailAddress]
    to: Sequence[EmailAddress] = ()
    cc: Sequence[EmailAddress] = ()
    bcc: Sequence[EmailAddress] = ()
    reply_to: Sequence[EmailAddress] = ()
    sender: EmailAddress | None = None
    subject: str | None = None
    in_reply_to: Sequence[str] = ()
    references: Sequence[str] = ()
    text: str | None = None
    html: str | None = None
    inline: Sequence[BodyPart] = ()
    attachments: Sequence[BodyPart] = ()
    fields: Sequence[bytes] = ()
    flowed: bool = False
    utf8: bool = False


def build(draft: Draft, *, date: datetime, message_id: str, boundary: str) -> bytes:
    """Write a message.

    Args:
        date: aware.
        message_id: without angle brackets.
        boundary: as for `compose`.

    Raises:
        InvalidValue: a value cannot stand in a message.
    """
    utf8 = draft.utf8
    header = [date_header("Date", date), address_header("From", draft.from_, utf8=utf8)]
    if draft.sender is not None:
        header.append(address_header("Sender", [draft.sender], utf8=utf8))
    for name, addresses in (
        ("Reply-To", draft.reply_to),
        ("To", draft.to),
        ("Cc", draft.cc),
        ("Bcc", draft.bcc),
    ):
        if addresses:
            header.append(address_header(name, addresses, utf8=utf8))
    if draft.subject is not None:
        header.append(encode_header("Subject", draft.subject, utf8=utf8))
    header.append(message_ids_header("Message-ID", [message_id]))
    if draft.in_reply_to:
        header.append(message_ids_header("In-Reply-To", draft.in_reply_to))
    if draft.references:
        header.append(message_ids_header("References", draft.references))
    header.extend(draft.fields)
    tree = body_tree(draft.text, draft.html, inline=draft.inline, attachments=draft.attachments)
    if draft.flowed:
        tree = _flowed(tree, draft.text or "")
    return compose(header, tree, boundary=boundary)


def _flowed(tree: BodyPart, text: str) -> BodyPart:
    """Put the flowed text in the place of the first leaf, which is the text."""
    if tree.parts:
        first, *others = tree.parts
        return BodyPart(
            type=tree.type,
            parameters=tree.parameters,
            parts=(_flowed(first, text), *others),
        )
    if tree.type != "text/plain":
        return tree
    return BodyPart(content=flow_text(text), parameters={"format": "flowed"})


def picture(content: bytes, *, type: str, cid: str, name: str | None = None) -> BodyPart:
    """Make a picture that HTML shows as `cid:` and its Content-ID, given without angle brackets."""
    return BodyPart(type=type, content=content, cid=cid, name=name, disposition="inline")


def attachment(
    content: bytes, *, type: str = "application/octet-stream", name: str | None = None
) -> BodyPart:
    """Make a file that goes along; text types are octets here, too, and keep theirs."""
    return BodyPart(type=type, content=content, name=name, disposition="attachment")
