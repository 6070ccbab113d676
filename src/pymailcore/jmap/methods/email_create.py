"""A new message from the properties that a client gives.

Standards: RFC 8621 section 4.6 (create), 4.1.4 (EmailBodyPart).
"""

from datetime import UTC, datetime
from typing import Final

from pymailcore.base.errors import InvalidValue, NotFound
from pymailcore.base.ids import BlobId
from pymailcore.jmap.methods.context import Context
from pymailcore.jmap.methods.email_headers import CONVENIENT, HeaderWriter
from pymailcore.jmap.methods.email_properties import BODY_PROPERTIES
from pymailcore.jmap.protocol.errors import SetError, invalid_properties
from pymailcore.jmap.protocol.values import JsonObject
from pymailcore.message import compose
from pymailcore.message.compose import BodyPart

MAX_PARTS: Final = 1_000
MAX_DEPTH: Final = 40

_BODY: Final = frozenset({"bodyStructure", "textBody", "htmlBody", "attachments", "bodyValues"})
_PART: Final = BODY_PROPERTIES - {"headers"}
# What the properties of a part stand for, or the server decides (RFC 8621 section 4.6).
_PART_REFUSED: Final = (
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
    "content-id",
    "content-language",
    "content-location",
    "mime-version",
)


class MessageBuilder:
    """Builds one message.

    Args:
        context: blobs are read for its account, and only those that this account may see.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._missing: list[str] = []
        self._values: dict[str, str] = {}
        self._used: set[str] = set()
        self._octets = 0
        self._parts = 0

    async def build(self, properties: JsonObject) -> bytes:
        """Give the octets of the message.

        Raises:
            SetError: invalidProperties, blobNotFound, tooLarge.
        """
        writer = HeaderWriter(("content-", "mime-version"))
        for name, value in properties.items():
            if name not in _BODY and not writer.add(name, value):
                raise invalid_properties([name[:255]], "there is no such property, or it cannot be set")
        self._read_values(properties.get("bodyValues"))
        body = await self._body(properties)
        if self._missing:
            raise SetError("blobNotFound", notFound=self._missing)
        if unused := sorted(set(self._values) - self._used):
            raise invalid_properties(["bodyValues"], f"no part has the partId {unused[0][:64]}")
        return self._compose(writer, body)

    def _compose(self, writer: HeaderWriter, body: BodyPart) -> bytes:
        services = self._context.services
        fields = list(writer.fields)
        in_body = {_name_of(field) for field in body.fields}
        if twice := in_body & {_name_of(field) for field in fields}:  # RFC 8621 section 4.6
            raise invalid_properties(["bodyStructure"], f"{min(twice)} is given twice")
        if (
            not writer.has("Message-ID") and "message-id" not in in_body
        ):  # RFC 8621 section 4.6: the server completes these two
            fields.append(
                compose.message_ids_header("Message-ID", [f"{services.random_hex(16)}@{services.hostname}"])
            )
        if not writer.has("Date") and "date" not in in_body:
            now = datetime.fromtimestamp(services.now_ms() / 1000, UTC)
            fields.append(compose.date_header("Date", now))
        try:
            octets = compose.compose(fields, body, boundary=f"=_{services.random_hex(16)}")
        except InvalidValue as error:
            raise invalid_properties(["bodyStructure"], "a part cannot be written") from error
        if len(octets) > services.settings.max_upload_octets:
            raise SetError("tooLarge", maxSize=services.settings.max_upload_octets)
        return octets

    def _read_values(self, values: object) -> None:
        if values is None:
            return
        if not isinstance(values, dict):
            raise invalid_properties(["bodyValues"])
        for key, item in values.items():
            if not isinstance(item, dict) or set(item) - {"value", "isEncodingProblem", "isTruncated"}:
                raise invalid_properties(["bodyValues"], "an EmailBodyValue has a value")
            text = item.get("value")
            if not isinstance(text, str):
                raise invalid_properties(["bodyValues"], "an EmailBodyValue has a value")
            if (
                item.get("isEncodingProblem", False) is not False
                or item.get("isTruncated", False) is not False
            ):
                raise invalid_properties(["bodyValues"], "isEncodingProblem and isTruncated are false")
            self._values[key] = text

    async def _body(self, properties: JsonObject) -> BodyPart:
        if properties.get("bodyStructure") is not None:
            if given := [name for name in ("textBody", "htmlBody", "attachments") if properties.get(name)]:
                raise invalid_properties(["bodyStructure", *given], "give one or the other")
            return await self._part(properties["bodyStructure"], "bodyStructure", 1)
        text = await self._single(properties.get("textBody"), "textBody", "text/plain")
        html = await self._single(properties.get("htmlBody"), "htmlBody", "text/html")
        attachments = properties.get("attachments")
        if attachments is not None and not isinstance(attachments, list):
            raise invalid_properties(["attachments"])
        inline: list[BodyPart] = []
        files: list[BodyPart] = []
        for item in attachments or []:
            part = await self._part(item, "attachments", 1)
            if part.parts:
                raise invalid_properties(["attachments"], "an attachment has no parts")
            shown = html is not None and part.cid is not None and part.disposition == "inline"
            (inline if shown else files).append(part)
        return _tree(text, html, inline, files)

    async def _single(self, value: object, name: str, media_type: str) -> BodyPart | None:
        """RFC 8621 section 4.6: textBody and htmlBody have exactly one part, of their own type."""
        if value is None or value == []:
            return None
        if not isinstance(value, list) or len(value) != 1:
            raise invalid_properties([name], "exactly one part")
        item = value[0]
        if isinstance(item, dict) and item.get("type", media_type) != media_type:
            raise invalid_properties([name], f"the type is {media_type}")
        return await self._part({"type": media_type, **item} if isinstance(item, dict) else item, name, 1)

    async def _part(self, value: object, name: str, depth: int) -> BodyPart:
        self._parts += 1
        if not isinstance(value, dict) or depth > MAX_DEPTH or self._parts > MAX_PARTS:
            raise invalid_properties([name], "not an EmailBodyPart, or too many")
        writer = HeaderWriter(_PART_REFUSED)
        for key, item in value.items():
            if key in CONVENIENT or (key not in _PART and not writer.add(key, item)):
                raise invalid_properties([f"{name}/{key}"[:255]])
        media_type = _optional_text(value, "type", name)
        below = value.get("subParts")
        if (media_type or "").lower().startswith("multipart/"):
            if not isinstance(below, list) or not below or value.get("partId") or value.get("blobId"):
                raise invalid_properties([name], "a multipart has subParts")
            parts = [await self._part(item, name, depth + 1) for item in below]
            return BodyPart(
                type=str(media_type),
                fields=tuple(writer.fields),
                parts=tuple(parts),
                disposition=_optional_text(value, "disposition", name),
                cid=_optional_text(value, "cid", name),
                language=_language(value, name),
                location=_optional_text(value, "location", name),
            )
        if below:
            raise invalid_properties([name], "only a multipart has subParts")
        content, charset, media_type = await self._content(value, name, media_type)
        return BodyPart(
            type=media_type,
            content=content,
            charset=charset,
            fields=tuple(writer.fields),
            name=_optional_text(value, "name", name),
            disposition=_optional_text(value, "disposition", name),
            cid=_optional_text(value, "cid", name),
            language=_language(value, name),
            location=_optional_text(value, "location", name),
        )

    async def _content(
        self, value: JsonObject, name: str, media_type: str | None
    ) -> tuple[str | bytes, str | None, str]:
        part_id, blob_id = _optional_text(value, "partId", name), _optional_text(value, "blobId", name)
        charset = _optional_text(value, "charset", name)
        if (part_id is None) == (blob_id is None):
            raise invalid_properties([name], "a part has a partId or a blobId")
        if part_id is not None:
            if charset is not None or value.get("size") is not None:
                raise invalid_properties([name], "with a partId there is no charset and no size")
            if part_id not in self._values:
                raise invalid_properties([name], "there is no such body value")
            media_type = media_type or "text/plain"
            if not media_type.lower().startswith("text/"):
                raise invalid_properties([name], "a body value is text")
            self._used.add(part_id)
            return self._values[part_id], None, media_type
        octets = await self._blob(str(blob_id))
        self._octets += len(octets)
        most = self._context.services.settings.max_upload_octets
        if self._octets > most:
            raise SetError("tooLarge", maxSize=most)
        return octets, charset, media_type or "application/octet-stream"

    async def _blob(self, blob_id: str) -> bytes:
        real = self._context.real_id(blob_id)
        try:
            if real is not None:
                return await self._context.services.store.blob(self._context.account, BlobId(real))
        except NotFound:
            pass
        self._missing.append(blob_id)
        return b""


def _name_of(field: bytes) -> str:
    return field.partition(b":")[0].decode("ascii").lower()


def _optional_text(value: JsonObject, key: str, name: str) -> str | None:
    text = value.get(key)
    if text is not None and not isinstance(text, str):
        raise invalid_properties([f"{name}/{key}"])
    return text


def _language(value: JsonObject, name: str) -> tuple[str, ...]:
    tags = value.get("language")
    if tags is None:
        return ()
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise invalid_properties([f"{name}/language"])
    return tuple(tags)


def _tree(
    text: BodyPart | None, html: BodyPart | None, inline: list[BodyPart], files: list[BodyPart]
) -> BodyPart:
    """The usual tree: alternative of text and HTML, related with what the HTML shows, mixed with files."""
    shown: list[BodyPart] = [] if text is None else [text]
    if html is not None:
        shown.append(
            BodyPart(type="multipart/related", parameters={"type": "text/html"}, parts=(html, *inline))
            if inline
            else html
        )
    if not shown:
        shown.append(BodyPart())
    body = shown[0] if len(shown) == 1 else BodyPart(type="multipart/alternative", parts=tuple(shown))
    return BodyPart(type="multipart/mixed", parts=(body, *files)) if files else body
