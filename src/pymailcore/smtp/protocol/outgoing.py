"""A message as one host can take it: in which form it goes, and with which parameters.

Standards: RFC 1870 section 6, RFC 6152 section 3, RFC 3030 sections 3 and 4, RFC 6531 section 3.2,
RFC 3461 sections 4 and 5.2, RFC 8689 section 4.2.1, RFC 2852 section 4, RFC 6710 section 4.

Contract: `fit` decides before anything of a transaction is said; what it hands to the conversation can be
said as it is. Who cannot be served gets the reply that says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.envelope import DeliverBy, Envelope, ReportTerms
from pymailcore.message.downgrade import downgrade, fits_lines
from pymailcore.message.downgrade_header import CannotConvert
from pymailcore.smtp.protocol.capabilities import Capabilities
from pymailcore.smtp.protocol.mail_data import canonical
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.protocol.xtext import encode_utf8_address, encode_xtext


class Unfit(Reply):
    """A reply that we give ourselves in place of the host; as text it has no code, since nobody said one."""

    def __str__(self) -> str:
        return f"{self.enhanced} {self.text}"


NEEDS_SMTPUTF8: Final = Unfit(553, "5.6.7", "The next host does not offer SMTPUTF8, which this message needs")
TOO_LARGE: Final = Unfit(552, "5.3.4", "The message is larger than the next host takes")
BAD_ADDRESS: Final = Unfit(501, "5.1.3", "The address cannot be written in a command")
NEEDS_REQUIRETLS: Final = Unfit(550, "5.7.30", "The next host does not offer REQUIRETLS over verified TLS")
TOO_LATE: Final = Unfit(550, "5.4.7", "The time by which the message was to be delivered has passed")

_NOTIFY_ORDER: Final = ("NEVER", "SUCCESS", "FAILURE", "DELAY")
_MOST_DELIVER_BY_SECONDS: Final = 999_999_999


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message for some recipients, as it goes to one host.

    Attributes:
        mail: the MAIL command.
        recipients: who is served, with his RCPT command.
        refused: who cannot be served, and why.
        octets: canonical, unless `binary`.
        binary: it goes as BINARYMIME.
    """

    mail: str = ""
    recipients: Mapping[Address, str] = field(default_factory=dict)
    refused: Mapping[Address, Reply] = field(default_factory=dict)
    octets: bytes = b""
    binary: bool = False


def fit(envelope: Envelope, octets: bytes, offered: Capabilities, *, verified: bool, now_ms: int) -> Outgoing:
    """Fit a message to what a host offers; takes time where the message must be converted.

    Args:
        verified: the connection is encrypted and the host is known to be the right one.
        now_ms: milliseconds since 1970, for DELIVERBY.
    """
    refusal = _refusal(envelope, offered, verified, now_ms)
    body = ""
    binary = False
    if refusal is None:
        try:
            octets, body, binary = _form(envelope, octets, offered)
        except CannotConvert as reason:
            refusal = cannot_convert(str(reason))
    if refusal is None and offered.size_octets is not None and offered.size_octets < len(octets):
        refusal = TOO_LARGE
    eight_bit = not octets.isascii()
    header = octets.partition(b"\r\n\r\n")[0] if envelope.smtputf8 and eight_bit else b""
    needs_utf8 = not header.isascii() or not _is_ascii(envelope.reverse_path)
    refused: dict[Address, Reply] = {}
    for address in envelope.recipients:
        if not str(address).isprintable() or not str(envelope.reverse_path).isprintable():
            refused[address] = BAD_ADDRESS
        elif "SMTPUTF8" not in offered and (needs_utf8 or not _is_ascii(address)):
            refused[address] = NEEDS_SMTPUTF8
        elif refusal is not None:
            refused[address] = refusal
    served = [address for address in envelope.recipients if address not in refused]
    utf8 = needs_utf8 or not all(map(_is_ascii, served))
    parameters = [
        f"SIZE={len(octets)}" if "SIZE" in offered else "",
        body,
        "SMTPUTF8" if utf8 else "",
        *_parameters(envelope, offered, now_ms),
    ]
    return Outgoing(
        mail=" ".join(filter(None, [f"MAIL FROM:<{envelope.reverse_path or ''}>", *parameters])),
        recipients={address: _rcpt(address, envelope.reports(address), offered) for address in served},
        refused=refused,
        octets=octets,
        binary=binary,
    )


def cannot_convert(reason: str) -> Reply:
    """The reply for a message that a host without 8BITMIME or BINARYMIME cannot have in any form."""
    return Unfit(
        554, "5.6.3", f"The next host takes 7-bit mail only, and the message cannot be converted: {reason}"
    )


def needs_tls(envelope: Envelope) -> bool:
    """Whether a message may go over verified TLS only; reports go in any case (RFC 8689 section 5)."""
    return envelope.terms.require_tls and envelope.reverse_path is not None


def batches(recipients: tuple[Address, ...], offered: Capabilities) -> Iterator[tuple[Address, ...]]:
    """Cut recipients into those of one transaction each (RFC 9422 sections 4.2 and 4.3)."""
    most = offered.recipients_count or len(recipients)
    most_domains = offered.domains_count or len(recipients)
    batch: list[Address] = []
    domains: set[str] = set()
    for address in recipients:
        if batch and (len(batch) >= most or (address.domain not in domains and len(domains) >= most_domains)):
            yield tuple(batch)
            batch, domains = [], set()
        batch.append(address)
        domains.add(address.domain)
    if batch:
        yield tuple(batch)


def _refusal(envelope: Envelope, offered: Capabilities, verified: bool, now_ms: int) -> Reply | None:
    """Why nobody can be served, as far as the message's form does not matter."""
    if needs_tls(envelope) and not (verified and "REQUIRETLS" in offered):
        return NEEDS_REQUIRETLS
    by = envelope.terms.deliver_by
    return TOO_LATE if by is not None and by.give_up and by.at_ms <= now_ms else None


def _form(envelope: Envelope, octets: bytes, offered: Capabilities) -> tuple[bytes, str, bool]:
    """The octets, the BODY parameter, and whether they go as they are, whatever their lines are."""
    if envelope.binary and not fits_lines(octets) and "BINARYMIME" in offered and "CHUNKING" in offered:
        return octets, "BODY=BINARYMIME", True
    takes_eight_bit = "8BITMIME" in offered
    if envelope.binary or not (takes_eight_bit or octets.isascii()):
        octets = downgrade(
            octets if envelope.binary else canonical(octets),
            eight_bit=takes_eight_bit,
            header=not envelope.smtputf8,  # RFC 6531 section 3.2: who asked for UTF-8 gets it or hears of it
        )
    octets = canonical(octets)
    return octets, "" if octets.isascii() else "BODY=8BITMIME", False


def _parameters(envelope: Envelope, offered: Capabilities, now_ms: int) -> Iterator[str]:
    terms = envelope.terms
    if "DSN" in offered and terms.ret:
        yield f"RET={terms.ret}"
    if "DSN" in offered and terms.envid:
        yield f"ENVID={encode_xtext(terms.envid)}"
    if terms.require_tls and "REQUIRETLS" in offered:  # of a report, too: RFC 8689 section 5
        yield "REQUIRETLS"
    if terms.deliver_by is not None and "DELIVERBY" in offered:
        yield _deliver_by(terms.deliver_by, now_ms)
    if terms.priority and "MT-PRIORITY" in offered:
        yield f"MT-PRIORITY={terms.priority}"


def _deliver_by(by: DeliverBy, now_ms: int) -> str:
    """What is left of the time (RFC 2852 section 4); by-mode R never goes out with none left."""
    seconds = (by.at_ms - now_ms) // 1000
    seconds = max(-_MOST_DELIVER_BY_SECONDS, min(seconds, _MOST_DELIVER_BY_SECONDS))
    if by.give_up:
        seconds = max(seconds, 1)
    return f"BY={seconds};{'R' if by.give_up else 'N'}{'T' if by.trace else ''}"


def _rcpt(address: Address, terms: ReportTerms, offered: Capabilities) -> str:
    words = [f"RCPT TO:<{address}>"]
    if "DSN" in offered and terms.notify:
        words.append("NOTIFY=" + ",".join(word for word in _NOTIFY_ORDER if word in terms.notify))
    if "DSN" in offered and terms.orcpt:
        kind, _, text = terms.orcpt.partition(";")
        encode = encode_utf8_address if kind.lower() == "utf-8" else encode_xtext
        words.append(f"ORCPT={kind};{encode(text)}")
    return " ".join(words)


def _is_ascii(address: Address | None) -> bool:
    return address is None or address.is_ascii
