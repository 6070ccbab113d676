"""Sender Policy Framework: may this host send mail as this domain?

Standards: RFC 7208 sections 2.4 (which identity), 2.6 (results), 4 (check_host), 5 (mechanisms), 6 (redirect
and explanation) and 11.1 (why there are limits); RFC 8616 section 4 (addresses that are not ASCII).

Theory of operation. `check_host` is a generator: it yields a question, is sent the answer, and returns the
result. It keeps no time; who drives it gives up after a while, which is a temperror. All that it does is
bounded: ten terms that ask, two answers with nothing in them, ten hosts of an MX or of an address (section
4.6.4), and thirty questions in all. The last is stricter than the standard, by which one message could cause
more than a hundred; a record that needs so many is a permerror like one of eleven terms.

What is found in the DNS is the peer's. It never raises here, and what comes out of here was looked at:
`mechanism`, `problem` and `explanation` are printable ASCII.
"""

from collections.abc import Generator
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final, Literal, NamedTuple

from pymailcore.base.address import Address, normalise_domain
from pymailcore.mailauth.questions import Answer, Kind, Question
from pymailcore.mailauth.spf_macros import (
    Malformed,
    Pieces,
    expand_domain,
    expand_text,
    is_name,
    letters,
    parse,
)
from pymailcore.mailauth.spf_record import (
    IpAddress,
    Mechanism,
    Record,
    find_record,
    network_of,
    parse_record,
)

Result = Literal["none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"]
Identity = Literal["mailfrom", "helo"]
Asking = Generator[Question, Answer, "Verdict"]

MAX_TERMS: Final = 10
MAX_VOID_LOOKUPS: Final = 2
MAX_HOSTS: Final = 10
MAX_QUESTIONS: Final = 30
MAX_EXPLANATION_LENGTH: Final = 400

_QUALIFIERS: Final[dict[str, Result]] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
_UNKNOWN: Final = "unknown"
"""What stands for a host name that nobody knows (RFC 7208 sections 7.2 and 7.3)."""


class Verdict(NamedTuple):
    """What SPF says.

    Attributes:
        identity: what was looked at: the reverse-path, or without one the name in EHLO.
        domain: of this identity; of what a peer says in EHLO it may be no domain.
        mechanism: what has matched; "default" where nothing has, "" without a record.
        problem: why it is an error; "" when it is none.
        explanation: what the domain says about a fail, unproved and in its own words; "" for nothing.
    """

    result: Result
    identity: Identity
    domain: str
    mechanism: str = ""
    problem: str = ""
    explanation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Who wants to send, and as whom.

    Attributes:
        peer: address of the client.
        hello: what it has said in EHLO or HELO.
        reverse_path: None is the null reverse-path; then the name in EHLO is looked at (section 2.4).
        receiver: our host name, for explanations.
        now_seconds: since 1970, for explanations.
        explain: whether an explanation is to be fetched for a fail.
    """

    peer: str
    hello: str
    reverse_path: Address | None
    receiver: str = _UNKNOWN
    now_seconds: int = 0
    explain: bool = False

    @property
    def identity(self) -> Identity:
        """What is looked at."""
        return "helo" if self.reverse_path is None else "mailfrom"

    @property
    def domain(self) -> str:
        """The domain that is asked; "" for what can be none."""
        if self.reverse_path is not None:
            return self.reverse_path.domain
        return normalise_domain(self.hello.rstrip(".")) or ""


class _Permanent(Exception):
    """The outcome is a permerror."""


class _Temporary(Exception):
    """The outcome is a temperror."""


class _Found(NamedTuple):
    """What one record says, with what is to be known of it for an explanation."""

    result: Result
    mechanism: str
    domain: str = ""
    explanation: Pieces | None = None


_Looking = Generator[Question, Answer, Answer]


def check_host(sending: Sending) -> Asking:
    """Ask the domain whether a client may send for it (RFC 7208 section 4)."""
    domain = sending.domain
    if "." not in domain or domain.startswith("[") or not is_name(domain):
        return Verdict("none", sending.identity, domain)
    check = _Check(sending)
    try:
        found = yield from check.evaluate(domain)
        explanation = ""
        if sending.explain and found.result == "fail":
            explanation = yield from check.explain(found)
    except (_Permanent, Malformed) as fault:
        return Verdict("permerror", sending.identity, domain, problem=str(fault))
    except _Temporary as fault:
        return Verdict("temperror", sending.identity, domain, problem=str(fault))
    return Verdict(found.result, sending.identity, domain, found.mechanism, explanation=explanation)


class _Check:
    """One evaluation, with what it may still ask."""

    def __init__(self, sending: Sending) -> None:
        address = ip_address(sending.peer.partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        self._sending = sending
        self._address: IpAddress = address
        self._addresses_kind: Kind = "A" if address.version == 4 else "AAAA"
        self._terms = self._void = self._questions = 0
        self._hosts: list[str] | None = None

    def evaluate(self, domain: str) -> Generator[Question, Answer, _Found]:
        """Give what the record of a domain says, or of those that it leads to."""
        answer = yield from self._ask(domain, "TXT")
        if answer.failed:
            raise _Temporary(f"no answer for {domain}")
        octets = find_record(answer.texts)
        if octets is None:
            return _Found("none", "")
        record = parse_record(octets)
        for mechanism in record.mechanisms:
            if (yield from self._matches(mechanism, domain)):
                result = _QUALIFIERS[mechanism.qualifier]
                return _Found(result, mechanism.text, domain, record.explanation)
        return (yield from self._rest(record, domain))

    def _rest(self, record: Record, domain: str) -> Generator[Question, Answer, _Found]:
        """Where no mechanism has matched (RFC 7208 sections 4.7 and 6.1)."""
        if record.redirect is None:
            return _Found("neutral", "default")
        self._count_term()
        target = yield from self._expand(record.redirect, domain)
        found = (yield from self.evaluate(target)) if is_name(target) else _Found("none", "")
        if found.result == "none":
            raise _Permanent(f"no record where {domain} redirects to")
        return found

    def _matches(self, mechanism: Mechanism, domain: str) -> Generator[Question, Answer, bool]:
        if mechanism.name == "all":
            return True
        if mechanism.network is not None:
            return mechanism.network.holds(self._address)
        self._count_term()
        target = domain
        if mechanism.domain is not None:
            if self._is_beyond_ascii(mechanism.domain):
                return False
            target = yield from self._expand(mechanism.domain, domain)
        if not is_name(target):
            if mechanism.name == "include":
                raise _Permanent("a name that cannot be is included")
            return False  # section 4.8: nothing is there
        return (yield from self._matches_at(mechanism, target))

    def _matches_at(self, mechanism: Mechanism, target: str) -> Generator[Question, Answer, bool]:
        match mechanism.name:
            case "include":
                return (yield from self._include(target))
            case "exists":
                return bool((yield from self._look(target, "A")).hosts)
            case "ptr":
                return (yield from self._ptr(target))
            case "mx":
                return (yield from self._mx(mechanism, target))
        answer = yield from self._look(target, self._addresses_kind)
        return self._is_among(answer.hosts, mechanism)

    def _include(self, target: str) -> Generator[Question, Answer, bool]:
        found = yield from self.evaluate(target)
        if found.result == "none":
            raise _Permanent(f"{target} is included and has no record")
        return found.result == "pass"

    def _mx(self, mechanism: Mechanism, target: str) -> Generator[Question, Answer, bool]:
        """RFC 7208 section 5.4; a domain without MX records is not its own exchange here."""
        hosts = (yield from self._look(target, "MX")).hosts
        if len(hosts) > MAX_HOSTS:
            raise _Permanent(f"{target} has more than {MAX_HOSTS} exchanges")
        for host in hosts:
            if not is_name(host):
                continue
            answer = yield from self._ask(host, self._addresses_kind)
            if answer.failed:
                raise _Temporary(f"no answer for {host}")
            if self._is_among(answer.hosts, mechanism):
                return True
        return False

    def _ptr(self, target: str) -> Generator[Question, Answer, bool]:
        """RFC 7208 section 5.5; trouble in the DNS is no match here, and no error."""
        below = "." + target.lower()
        return any(("." + name).endswith(below) for name in (yield from self._names()))

    def _names(self) -> Generator[Question, Answer, list[str]]:
        """The names of the client that lead back to it; asked for once."""
        if self._hosts is not None:
            return self._hosts
        answer = yield from self._ask(self._address.reverse_pointer, "PTR")
        if not answer.failed:
            self._count_void(answer)
        proved: list[str] = []
        for host in answer.hosts[:MAX_HOSTS]:
            if is_name(host):
                back = yield from self._ask(host, self._addresses_kind)
                if self._address in map(ip_address, back.hosts):
                    proved.append(host)
        self._hosts = proved
        return proved

    def explain(self, found: _Found) -> Generator[Question, Answer, str]:
        """What the domain says about a fail (RFC 7208 section 6.2); "" where anything is wrong with it."""
        if found.explanation is None or self._is_beyond_ascii(found.explanation):
            return ""
        try:
            target = yield from self._expand(found.explanation, found.domain)
            answer = (yield from self._ask(target, "TXT")) if is_name(target) else Answer()
            if len(answer.texts) != 1:
                return ""
            pieces = parse(answer.texts[0].decode("ascii"), spaces=True, explanation=True)
            values = yield from self._values(pieces, found.domain)
        except (Malformed, UnicodeDecodeError, _Permanent):
            return ""
        text = expand_text(pieces, values, MAX_EXPLANATION_LENGTH)
        return "".join(["?" if not " " <= letter <= "~" else letter for letter in text])

    def _is_beyond_ascii(self, pieces: Pieces) -> bool:
        """RFC 8616 section 4: what is looked up by a local part that is not ASCII matches nothing."""
        path = self._sending.reverse_path
        return path is not None and not path.is_ascii and not letters(pieces).isdisjoint("sl")

    def _expand(self, pieces: Pieces, domain: str) -> Generator[Question, Answer, str]:
        if len(pieces) == 1 and isinstance(pieces[0], str):
            return expand_domain(pieces, {})
        return expand_domain(pieces, (yield from self._values(pieces, domain)))

    def _values(self, pieces: Pieces, domain: str) -> Generator[Question, Answer, dict[str, str]]:
        """What the letters stand for (RFC 7208 sections 7.2 and 7.3)."""
        sending, address = self._sending, self._address
        own, path = sending.domain, sending.reverse_path
        local = "postmaster" if path is None else path.localpart
        nibbles = ".".join(address.exploded.replace(":", "")) if address.version == 6 else str(address)
        values = {
            "s": f"{local}@{own}",
            "l": local,
            "o": own,
            "d": domain,
            "i": nibbles,
            "h": sending.hello,
            "c": str(address),
            "r": sending.receiver,
            "t": str(sending.now_seconds),
            "v": "in-addr" if address.version == 4 else "ip6",
        }
        if "p" in letters(pieces):
            values["p"] = _best(domain.lower(), (yield from self._names()))
        return values

    def _is_among(self, hosts: tuple[str, ...], mechanism: Mechanism) -> bool:
        width = mechanism.widths[0 if self._address.version == 4 else 1]
        return any(network_of(ip_address(host), width).holds(self._address) for host in hosts)

    def _look(self, name: str, kind: Kind) -> _Looking:
        """Ask what a mechanism is about."""
        answer = yield from self._ask(name, kind)
        if answer.failed:
            raise _Temporary(f"no answer for {name}")
        self._count_void(answer)
        return answer

    def _ask(self, name: str, kind: Kind) -> _Looking:
        self._questions += 1
        if self._questions > MAX_QUESTIONS:
            raise _Permanent(f"more than {MAX_QUESTIONS} questions")
        return (yield Question(name, kind))

    def _count_term(self) -> None:
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise _Permanent(f"more than {MAX_TERMS} terms that ask")

    def _count_void(self, answer: Answer) -> None:
        if not answer.hosts:
            self._void += 1
            if self._void > MAX_VOID_LOOKUPS:
                raise _Permanent(f"more than {MAX_VOID_LOOKUPS} questions without an answer")


def _best(domain: str, names: list[str]) -> str:
    """The name that stands for a client: the domain itself, else one below it, else any (section 7.3)."""
    below = "." + domain
    ranks = [(name != domain, not name.endswith(below), place) for place, name in enumerate(names)]
    return names[min(ranks)[2]] if ranks else _UNKNOWN
