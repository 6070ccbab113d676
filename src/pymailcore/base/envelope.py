"""The envelope of a mail transaction.

Standards: RFC 5321 section 2.3.1, RFC 6531 section 3.4 (SMTPUTF8), RFC 6152 section 2 (BODY), RFC 3030
section 3 (BINARYMIME), RFC 3461 section 4 (reports), RFC 8689 section 2 (REQUIRETLS), RFC 4865 section 4
(release at a later time), RFC 2852 section 4 (deliver by a time), RFC 6710 section 4 (priority).

All texts in here are decoded, printable and without line ends; whoever writes them on a wire encodes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from pymailcore.base.address import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverBy:
    """The time by which a message should be delivered.

    Attributes:
        at_ms: milliseconds since 1970.
        give_up: a message that is late comes back (mode R); else the sender is only told (mode N).
        trace: the sender wants a report of each relay on the way.
    """

    at_ms: int
    give_up: bool
    trace: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How the sender wants the whole message to be carried.

    Attributes:
        ret: what a report of failure is to hold: "FULL", "HDRS", or "" when nothing was said.
        envid: the sender's own name for the transaction, for its reports; "" for none.
        require_tls: the message may travel over verified TLS only.
        hold_until_ms: not to be released before, milliseconds since 1970; None for at once.
        deliver_by: None for no such time.
        priority: from -9 to 9; 0 is the ordinary one.
    """

    ret: str = ""
    envid: str = ""
    require_tls: bool = False
    hold_until_ms: int | None = None
    deliver_by: DeliverBy | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTerms:
    """Which reports the sender wants about one recipient.

    Attributes:
        notify: of "SUCCESS", "FAILURE", "DELAY", or "NEVER" alone; empty when nothing was said.
        orcpt: type and address that the sender first wrote, such as "rfc822;a@example.org"; "" for none.
    """

    notify: frozenset[str] = frozenset()
    orcpt: str = ""


PLAIN: Final = Terms()
"""What holds when the sender asked for nothing."""
NOTHING_SAID: Final = ReportTerms()
_NONE: Final[Mapping[Address, ReportTerms]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who a message comes from and who it is for.

    Attributes:
        reverse_path: where reports go; None is the null reverse-path.
        recipients: the forward-paths, in the order given, each once.
        smtputf8: the client asked for SMTPUTF8.
        eight_bit: the mail data holds octets above 127 (BODY=8BITMIME or found by looking).
        binary: the mail data may hold lone CR, lone LF and NUL (BODY=BINARYMIME).
        terms: what was asked for with MAIL.
        report_terms: what was asked for with RCPT, for those recipients where something was.
    """

    reverse_path: Address | None
    recipients: tuple[Address, ...]
    smtputf8: bool = False
    eight_bit: bool = False
    binary: bool = False
    terms: Terms = PLAIN
    report_terms: Mapping[Address, ReportTerms] = field(default_factory=lambda: _NONE, hash=False)

    def reports(self, recipient: Address) -> ReportTerms:
        """Which reports the sender wants about one of the recipients."""
        return self.report_terms.get(recipient, NOTHING_SAID)
