"""Messages that came with BODY=BINARYMIME, in the form that all other messages have.

Standards: RFC 3030 section 3 (a server converts what it cannot hand on), RFC 2045 section 6.

Mailboxes, IMAP clients and signatures know lines and no NUL. So binary parts are encoded in base64 once, when
the message is taken; their contents stay what they were.
"""

from dataclasses import replace
from typing import Final

from pymailcore.base.envelope import Envelope
from pymailcore.message.downgrade import downgrade
from pymailcore.message.downgrade_header import CannotConvert
from pymailcore.runtime.threads import compute
from pymailcore.smtp.protocol.reply import Reply

CANNOT_CONVERT: Final = Reply(554, "5.6.3", "The message cannot be given lines without breaking it")


async def with_lines(envelope: Envelope, octets: bytes) -> tuple[Envelope, bytes] | Reply:
    """Give a message that has lines only, and its envelope; the refusal where that cannot be."""
    if not envelope.binary:
        return envelope, octets
    try:
        octets = await compute(lambda: downgrade(octets, eight_bit=True))
    except CannotConvert:
        return CANNOT_CONVERT
    return replace(envelope, binary=False, eight_bit=not octets.isascii()), octets
