"""What a hook sees. Values only: nothing in here can change what the server does."""

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Literal

from pymailcore.base.address import Address
from pymailcore.message.fields import header_end
from pymailcore.message.headers import EmailAddress, as_addresses, as_text, split_fields

Listeners = Literal["smtp", "submission", "lmtp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who speaks, as far as it is known at that time.

    Attributes:
        connection: names the connection in our logs, and stays the same from `connect` to the end.
        listener: where it came in.
        address: IPv4 or IPv6, as text.
        name: its host name, where a mail filter of ours has told it; else "".
        trusted: the address is in `connections.trusted_networks`.
        tls: version and cipher, such as "TLSv1.3 TLS_AES_256_GCM_SHA384"; "" in clear.
        hello: what it says its name is; "" before that.
        login: the full address of the account that has logged in; "" before that, and always on `smtp`.
        account: the number of that account; 0 before that.
        marks: what the server's own checks find odd about the client, such as "no-peer-name" or, of this
            transaction, "spf-fail"; empty when nothing is.
        tags: what plug-ins remember of this connection and transaction.
    """

    connection: str
    listener: Listeners
    address: str
    name: str = ""
    trusted: bool = False
    tls: str = ""
    hello: str = ""
    login: str = ""
    account: int = 0
    marks: Set[str] = frozenset()
    tags: Set[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """The envelope so far.

    Attributes:
        number: 1 for the first MAIL of the connection, and so on; with `Client.connection` it names the
            transaction.
        reverse_path: where reports go; None is the null reverse-path.
        recipients: those that were accepted until now.
        size_octets: what the client declared with SIZE; 0 when it did not.
        smtputf8: the client asked for SMTPUTF8.
    """

    number: int
    reverse_path: Address | None
    recipients: tuple[Address, ...] = ()
    size_octets: int = 0
    smtputf8: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message, before anything of ours stands in it.

    Attributes:
        octets: as they came, without dot-stuffing; binary parts (BINARYMIME) are encoded.
        digest: SHA-256 of the mail data, as 64 lower-case hexadecimal digits: of `octets`, or of what came
            where that was binary.
        fields: name as written and raw value of each header field, from the top.
    """

    octets: bytes = field(repr=False)
    digest: str
    fields: tuple[tuple[str, bytes], ...] = field(repr=False)

    @classmethod
    def read(cls, octets: bytes, digest: str) -> "Message":
        """Make one of mail data."""
        return cls(octets, digest, tuple(split_fields(octets[: header_end(octets, 0, len(octets))])))

    @property
    def subject(self) -> str:
        """The subject, decoded; "" without one."""
        return self.text("Subject")

    @property
    def senders(self) -> tuple[EmailAddress, ...]:
        """Names and addresses in From."""
        return tuple([address for raw in self._raw("From") for address in as_addresses(raw)])

    def text(self, name: str) -> str:
        """Give the last field of a name, unfolded and decoded (RFC 2047); "" when there is none."""
        return as_text(found[-1]) if (found := self._raw(name)) else ""

    def texts(self, name: str) -> tuple[str, ...]:
        """Give all fields of a name, unfolded and decoded, from the top."""
        return tuple([as_text(raw) for raw in self._raw(name)])

    def _raw(self, name: str) -> list[bytes]:
        wanted = name.lower()
        return [raw for found, raw in self.fields if found.lower() == wanted]
