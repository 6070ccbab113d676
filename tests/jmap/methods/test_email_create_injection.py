"""S17 of docs/develop/threats.md: whatever a property of a new Email holds, it makes no header field."""

from typing import Any

from tests.support.jmap_world import JmapWorld

from pymailcore.jmap.methods.context import Context
from pymailcore.jmap.methods.email_create import MessageBuilder
from pymailcore.jmap.protocol.errors import SetError

STRINGS = (
    "a\rInjected: yes",
    "a\nInjected: yes",
    "a\r\nInjected: yes",
    "a\r\n\r\nInjected: yes",
    "a\r\n Injected: yes",
    "a\0Injected: yes",
    "a\u2028Injected: yes",
    "a\x85Injected: yes",
    "=?utf-8?q?a=0D=0AInjected:_yes?=",
    "=?utf-8?b?YQ0KSW5qZWN0ZWQ6IHllcw==?=",
    "a%0d%0aInjected: yes",
    "a+0D+0AInjected: yes",
    'a"; x="\r\nInjected: yes',
    "a\x1b[2J\x0bInjected: yes",
    "\r\nInjected: yes\r\n",
)
NAMED = ("from", "to", "cc", "bcc", "replyTo", "sender")
LISTS = ("messageId", "inReplyTo", "references")
HEADERS = (
    "header:X-Own",
    "header:X-Own:asText",
    "header:X-Own:asText:all",
    "header:List-Id:asText",
    "header:X-Own:asURLs",
    "header:X-Own:asMessageIds",
    "header:X-Own:asAddresses",
    "header:X-Own:asGroupedAddresses",
)
PARTS = ("type", "disposition", "cid", "location", "name", "header:X-Part", "header:X-Part:asText")
ADDRESS = "ann@example.org"
PLAIN = dict.fromkeys((f"{name} email" for name in NAMED), "a@example.org")
PLAIN |= dict.fromkeys((*LISTS, "header:X-Own:asMessageIds"), "a@example.org")
PLAIN |= {
    "header:X-Own:asURLs": "https://example.org/",
    "part disposition": "inline",
}
PLAIN |= {"header:X-Own": " plain", "header:X-Part": " plain", "header:X-Own:asText:all": "plain"}
FIELDS = (
    *(f"{name} {half}" for name in NAMED for half in ("name", "email")),
    *LISTS,
    "subject",
    *HEADERS,
    *(f"part {name}" for name in PARTS),
    "part language",
    "header name",
    "value",
)


def with_value(field: str, text: str) -> dict[str, Any]:
    """Properties of an Email in which one field holds a text."""
    part: dict[str, Any] = {"partId": "1", "type": "text/plain"}
    value = "hello"
    properties: dict[str, Any] = {"from": [{"name": None, "email": ADDRESS}], "subject": "s"}
    name, _, half = field.partition(" ")
    if half in {"name", "email"} and name in NAMED:
        properties[name] = [{"name": None, "email": ADDRESS, half: text}]
    elif field in LISTS:
        properties[field] = [text]
    elif field.endswith(":asAddresses"):
        properties[field] = [{"name": text, "email": ADDRESS}]
    elif field.endswith(":asGroupedAddresses"):
        properties[field] = [{"name": text, "addresses": [{"name": None, "email": ADDRESS}]}]
    elif field.endswith((":all", ":asURLs", ":asMessageIds")):
        properties[field] = [text]
    elif field == "subject" or field.startswith("header:"):
        properties[field] = text
    elif field == "header name":
        properties[f"header:X-{text}"] = " x"
    elif field == "part language":
        part["language"] = [text]
    elif name == "part":
        part[half] = f"text/{text}" if half == "type" else text
    else:
        value = text
    body = {"bodyStructure": {"type": "multipart/mixed", "subParts": [part]}}
    return {**properties, **body, "bodyValues": {"1": {"value": value}}}


def names_of(octets: bytes) -> list[str]:
    """The names of all header fields, of the message and of its part, read the slow way."""
    head, _, rest = octets.partition(b"\r\n\r\n")
    inner = rest.partition(b"\r\n")[2].partition(b"\r\n\r\n")[0] if rest.startswith(b"--") else b""
    assert b"\0" not in head + inner
    assert (head + inner).count(b"\r") == (head + inner).count(b"\n") == (head + inner).count(b"\r\n")
    lines = (head + b"\r\n" + inner).split(b"\r\n")
    return [line.partition(b":")[0].decode().lower() for line in lines if line and line[:1] not in b" \t"]


async def test_no_value_makes_a_header_field(world: JmapWorld) -> None:
    """RFC 5322 section 2.2, RFC 8621 section 4.6: it is refused, or it stays in its own field."""
    context = Context(principal=None, services=world.services)  # type: ignore[arg-type]  # no blob is read
    built = 0
    for field in FIELDS:
        expected = names_of(await build(context, field, PLAIN.get(field, "plain")) or b"")
        assert len(expected) > 4, field
        for text in STRINGS:
            octets = await build(context, field, text)
            if octets is None:
                continue
            built += 1
            names = names_of(octets)
            assert "injected" not in names, (field, text)
            if field != "header name":
                assert set(names) ^ set(expected) <= {"content-transfer-encoding"}, (field, text)
    assert built > 150


async def build(context: Context, field: str, text: str) -> bytes | None:
    """The message with a text in a field; None when it is refused."""
    try:
        return await MessageBuilder(context).build(with_value(field, text))
    except SetError as error:
        if error.kind != "invalidProperties":
            raise
        return None
