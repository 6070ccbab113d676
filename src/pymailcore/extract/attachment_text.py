"""What the search index asks: the text of one attachment. Importing this brings no reader of any format."""

from typing import Final, Protocol


class AttachmentText(Protocol):
    """Gives text of attachments; `extract.extractor.Extractor` is the one that does it."""

    def wants(self, media_type: str, file_name: str, size_octets: int) -> bool:
        """Whether `text` may give something; asked before a part is read or decoded.

        Text parts, but for those in Rich Text Format, and messages inside are not wanted: `message.text`
        reads those.
        """
        ...

    async def text(self, media_type: str, file_name: str, octets: bytes) -> str | None:
        """Give the text, in the order of the document, lines apart by LF; None when there is none.

        Never raises because of the attachment. None is final: asking again would only cost the same again.

        Args:
            octets: the part's body, its transfer encoding undone.
        """
        ...


class NoAttachmentText:
    """Wants nothing."""

    def wants(self, media_type: str, file_name: str, size_octets: int) -> bool:  # noqa: ARG002 - the interface
        """Say no."""
        return False

    async def text(self, media_type: str, file_name: str, octets: bytes) -> str | None:  # noqa: ARG002
        """Give None."""
        return None


NO_ATTACHMENT_TEXT: Final[AttachmentText] = NoAttachmentText()
