"""Which parts of a message are its text, its HTML and its attachments.

Standards: RFC 8621 section 4.1.4 (the suggested algorithm, with a list in place of its recursion).
"""

from typing import Final, NamedTuple

from pymailcore.message.structure import Part

_INLINE_MEDIA: Final = ("image", "audio", "video")
_TEXTS: Final = ("text/plain", "text/html")


class Bodies(NamedTuple):
    """What to show as plain text, what to show as HTML, and the rest."""

    text_body: list[Part]
    html_body: list[Part]
    attachments: list[Part]


class _Visit:
    """One multipart on the way: where its parts go. A list is None where the algorithm has closed it."""

    __slots__ = ("html", "html_before", "in_alternative", "kind", "parts", "text", "text_before")

    def __init__(
        self,
        parts: tuple[Part, ...],
        kind: str,
        in_alternative: bool,
        text: list[Part] | None,
        html: list[Part] | None,
    ) -> None:
        self.parts = enumerate(parts)
        self.kind = kind
        self.in_alternative = in_alternative
        self.text = text
        self.html = html
        self.text_before = -1 if text is None else len(text)
        self.html_before = -1 if html is None else len(html)

    def is_inline(self, index: int, part: Part) -> bool:
        """Whether a part is body rather than attachment."""
        is_media = part.type in _INLINE_MEDIA
        if part.disposition == "attachment" or not (is_media or part.mime_type in _TEXTS):
            return False
        # In multipart/related only the first part can be; a text with a name that is not first is a file.
        return index == 0 or (self.kind != "related" and (is_media or not part.filename))

    def file_alternative(self, part: Part, attachments: list[Part]) -> None:
        """File an inline part whose parent is multipart/alternative."""
        if part.type != "text":
            attachments.append(part)
            return
        target = self.html if part.subtype == "html" else self.text
        if target is not None:
            target.append(part)

    def file_inline(self, part: Part, attachments: list[Part]) -> None:
        """File any other inline part."""
        if self.in_alternative and part.type == "text":
            if part.subtype == "html":
                self.text = None
            else:
                self.html = None
        for target in (self.text, self.html):
            if target is not None:
                target.append(part)
        if (self.text is None or self.html is None) and part.type in _INLINE_MEDIA:
            attachments.append(part)

    def end(self) -> None:
        """Show in both lists what an alternative gave only one of."""
        text, html = self.text, self.html
        if self.kind != "alternative" or text is None or html is None:
            return
        if self.text_before == len(text) and self.html_before != len(html):
            text.extend(html[self.html_before :])
        elif self.html_before == len(html) and self.text_before != len(text):
            html.extend(text[self.text_before :])


def bodies(root: Part) -> Bodies:
    """Sort the parts of a message; message/rfc822 is an attachment and not looked into."""
    result = Bodies([], [], [])
    stack = [_Visit((root,), "mixed", False, result.text_body, result.html_body)]
    while stack:
        visit = stack[-1]
        index, part = next(visit.parts, (-1, root))
        if index < 0:
            visit.end()
            stack.pop()
        elif part.is_multipart:
            in_alternative = visit.in_alternative or part.subtype == "alternative"
            stack.append(_Visit(part.children, part.subtype, in_alternative, visit.text, visit.html))
        elif not visit.is_inline(index, part):
            result.attachments.append(part)
        elif visit.kind == "alternative":
            visit.file_alternative(part, result.attachments)
        else:
            visit.file_inline(part, result.attachments)
    return result


def has_attachment(sorted_parts: Bodies) -> bool:
    """Whether a client should offer something as downloadable (RFC 8621 section 4.1.4, hasAttachment).

    Parts that are inline do not count, nor do images with a Content-ID beside an HTML body, which that
    body shows, nor signatures, which are processed by themselves.
    """
    for part in sorted_parts.attachments:
        if part.disposition == "inline" or part.subtype in _SIGNATURES:
            continue
        if part.type == "image" and part.content_id and part.disposition is None and sorted_parts.html_body:
            continue
        return True
    return False


_SIGNATURES: Final = ("pgp-signature", "pkcs7-signature", "x-pkcs7-signature")
