"""The envelope of a mail transaction.

Standards: RFC 5321 section 2.3.1, RFC 6531 section 3.4 (SMTPUTF8), RFC 6152 section 2 (BODY).
"""

from dataclasses import dataclass

from pymailcore.base.address import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who a message comes from and who it is for.

    Attributes:
        reverse_path: where reports go; None is the null reverse-path.
        recipients: the forward-paths, in the order given, each once.
        smtputf8: the client asked for SMTPUTF8.
        eight_bit: the mail data holds octets above 127 (BODY=8BITMIME or found by looking).
    """

    reverse_path: Address | None
    recipients: tuple[Address, ...]
    smtputf8: bool = False
    eight_bit: bool = False
