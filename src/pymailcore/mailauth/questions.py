"""What a decision asks the DNS, and what it is told: values, without any way to send them.

A decision is a generator that yields a `Question` and is sent the `Answer`; who drives it looks the records
up, in whatever way and time he has. No answer raises in it, whatever the peer has put into the DNS.
"""

from typing import Literal, NamedTuple

Kind = Literal["TXT", "A", "AAAA", "MX", "PTR"]


class Question(NamedTuple):
    """One look-up.

    Attributes:
        name: without a dot at the end; for PTR below in-addr.arpa or ip6.arpa.
    """

    name: str
    kind: Kind


class Answer(NamedTuple):
    """Its outcome; without records where the name does not exist or has none of the kind.

    Attributes:
        texts: of TXT, each in one piece.
        hosts: of A and AAAA addresses, of PTR and MX host names in lower case without a dot at the end; of MX
            the most preferred first, "." for the root.
        exists: the name is there; False only where the DNS says that it is not.
        failed: nobody can say now.
    """

    texts: tuple[bytes, ...] = ()
    hosts: tuple[str, ...] = ()
    exists: bool = True
    failed: bool = False
