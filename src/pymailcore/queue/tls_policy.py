"""What is known of how a host is to be spoken to: whether TLS must stand, and whether its name is certain.

Standards: RFC 8689 sections 3, 4.2.1 and 4.2.2; RFC 7435 section 3.

Theory. A certificate proves the name of a host; that this is the host of the recipient's domain is for
somebody else to say. A route of the settings says it, and so does a domain that is its own mail host. An MX
record that nobody has signed does not. DANE and MTA-STS say it for some domains, and ask for TLS in turn:
whoever knows of them is another `TlsPolicies`, given to `NextHops`, and nothing else changes. A message with
REQUIRETLS needs a host that is certain; one with `TLS-Required: No` goes whatever the domain asks.
"""

from typing import Final, NamedTuple, Protocol


class TlsPolicy(NamedTuple):
    """How one host of a domain is to be spoken to.

    Attributes:
        certain: the name of the host is known in a way that cannot be forged, so that a certificate for it
            proves who is there.
        required: the domain wants its mail over TLS with a host that has proved its name, or not at all.
    """

    certain: bool = False
    required: bool = False


OPPORTUNISTIC: Final = TlsPolicy()
"""TLS where it can be had, without asking who is there, because otherwise it would be in clear."""
NAMED: Final = TlsPolicy(certain=True)


class TlsPolicies(Protocol):
    """Finds what is known of the hosts of domains."""

    async def find(self, domain: str, host: str) -> TlsPolicy:
        """Give the policy for a host that the MX records of a domain name, or the domain itself.

        Raises:
            TemporaryFailure: nobody can say now; no host of the domain is asked then.
        """
        ...


class OwnNames:
    """Knows nothing but that a domain is itself, so that an MX record for it has no say in who that is."""

    async def find(self, domain: str, host: str) -> TlsPolicy:
        """Give what follows from the names alone."""
        return NAMED if host == domain else OPPORTUNISTIC
