"""Parameters of MAIL and RCPT with which a sender says which reports it wants.

Standards: RFC 3461 section 4, RFC 6533 section 3.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.parameters import (
    MailDraft,
    MailParameter,
    RecipientDraft,
    RecipientParameter,
    known,
    must,
)
from pymailcore.smtp.protocol.xtext import decode_utf8_address, decode_xtext

MAX_ENVID_OCTETS: Final = 100  # RFC 3461 section 4.4
MAX_ORCPT_OCTETS: Final = 500  # RFC 3461 section 4.2
_NOTIFY: Final = frozenset({"SUCCESS", "FAILURE", "DELAY"})
_NEVER: Final = frozenset({"NEVER"})
_ORCPT: Final = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]{0,63});(.+)\Z", re.DOTALL)


def _ret(draft: MailDraft, value: bytes, options: ServerOptions) -> None:
    """RFC 3461 section 4.3."""
    known(options.extensions.dsn)
    ret = value.upper()
    must(ret in {b"FULL", b"HDRS"})
    draft.terms = replace(draft.terms, ret=ret.decode("ascii"))


def _envid(draft: MailDraft, value: bytes, options: ServerOptions) -> None:
    """RFC 3461 section 4.4."""
    known(options.extensions.dsn)
    must(len(value) <= MAX_ENVID_OCTETS)
    envid = decode_xtext(value)
    must(envid)
    draft.terms = replace(draft.terms, envid=envid or "")


def _notify(draft: RecipientDraft, value: bytes, options: ServerOptions) -> None:
    """RFC 3461 section 4.1."""
    known(options.extensions.dsn)
    words = frozenset(value.upper().decode("ascii", "replace").split(","))
    must(words == _NEVER or words <= _NOTIFY)
    draft.terms = replace(draft.terms, notify=words)


def _orcpt(draft: RecipientDraft, value: bytes, options: ServerOptions) -> None:
    """RFC 3461 section 4.2, RFC 6533 section 3."""
    known(options.extensions.dsn)
    match = _ORCPT.match(value)
    must(match and len(value) <= MAX_ORCPT_OCTETS)
    if match is None:
        return
    kind = match[1].decode("ascii")  # its case is kept, too (RFC 3461 section 5.2.1)
    if kind.lower() == "utf-8":
        address = decode_utf8_address(match[2], smtputf8=draft.smtputf8)
    else:
        # Postfix writes an address of UTF-8 as rfc822, in xtext; in reports and further on it is what it is.
        address = decode_xtext(match[2], utf8=draft.smtputf8 and kind.lower() == "rfc822")
        kind = kind if address is None or address.isascii() else "utf-8"
    must(address)
    draft.terms = replace(draft.terms, orcpt=f"{kind};{address}")


OF_MAIL: Final[Mapping[bytes, MailParameter]] = MappingProxyType({b"RET": _ret, b"ENVID": _envid})
OF_RECIPIENT: Final[Mapping[bytes, RecipientParameter]] = MappingProxyType(
    {b"NOTIFY": _notify, b"ORCPT": _orcpt}
)
