"""TLS contexts of a certificate and its key, and what a login needs of a connection.

Standards: RFC 8996 section 4 (nothing below TLS 1.2), RFC 7301 section 3.2 (ALPN), RFC 8446 section 4.3.2
(a server may ask for a certificate).

The process that may read the key reads it once (`runtime.certificates`) and hands the octets on; workers
without privileges make contexts of them. A reload that fails leaves what is in force as it is.
"""

import contextlib
import os
import ssl
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

import trio

from pymailcore.runtime.channel_binding import TlsFacts, end_point_of, facts_of

ClientCertificates = Literal["no", "optional", "required"]
"""Whether a listener asks its clients for certificates, and turns those away that give none."""

_VERIFY: Final = MappingProxyType(
    {"no": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
)


class TlsMaterial(NamedTuple):
    """Certificate chain and private key, and who may sign certificates of clients; all PEM."""

    certificate: bytes
    key: bytes
    self_signed: bool = False
    client_authorities: bytes = b""

    def __repr__(self) -> str:
        """Never shows the key."""
        return f"TlsMaterial(self_signed={self.self_signed})"

    def context(
        self, alpn: tuple[str, ...] = (), client_certificates: ClientCertificates = "no"
    ) -> ssl.SSLContext:
        """Make a server context.

        Args:
            alpn: protocols to choose from, the best first; none means that ALPN is not spoken.
            client_certificates: a certificate that is given must lead to one of `client_authorities`,
                or the handshake fails.

        Raises:
            ssl.SSLError, ValueError: certificate and key are no pair, or the key is encrypted, or the
                authorities cannot be read.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
        with _as_file(self.certificate) as certificate, _as_file(self.key) as key:
            context.load_cert_chain(certificate, key, password=_no_password)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if client_certificates != "no":
            if self.client_authorities:  # with none nobody's certificate is good
                context.load_verify_locations(cadata=self.client_authorities.decode("ascii"))
            context.verify_mode = _VERIFY[client_certificates]
        return context


class TlsContexts:
    """The contexts in force; connections ask at each handshake, so a reload reaches all new ones."""

    def __init__(self, material: TlsMaterial) -> None:
        self._material = material
        self._end_point = end_point_of(material.certificate)
        self._contexts: dict[tuple[tuple[str, ...], ClientCertificates], ssl.SSLContext] = {
            ((), "no"): material.context()
        }

    def server_for(self, *alpn: str, client_certificates: ClientCertificates = "no") -> ssl.SSLContext:
        """The server context in force that offers these protocols by ALPN ("h2", "http/1.1")."""
        context = self._contexts.get((alpn, client_certificates))
        if context is None:
            context = self._material.context(alpn, client_certificates)
            self._contexts[alpn, client_certificates] = context
        return context

    def for_logins(self, client_certificates: ClientCertificates = "no") -> "TlsLogins":
        """What a listener takes on whose clients log in with SASL."""
        return TlsLogins(self, client_certificates)

    def reload(self, material: TlsMaterial) -> None:
        """Put another certificate in force; open connections keep theirs.

        Raises:
            ssl.SSLError, ValueError: the new pair cannot be used; the old one stays.
        """
        contexts = {key: material.context(*key) for key in self._contexts}
        self._material, self._contexts = material, contexts
        self._end_point = end_point_of(material.certificate)

    @property
    def end_point(self) -> bytes | None:
        """The tls-server-end-point data of the certificate in force (RFC 5929 section 4)."""
        return self._end_point


class TlsLogins:
    """Takes TLS up for one listener, and says what its connections can be bound by."""

    def __init__(self, contexts: TlsContexts, client_certificates: ClientCertificates) -> None:
        self._contexts = contexts
        self._client_certificates = client_certificates

    async def shake_hands(
        self, stream: trio.abc.Stream, seconds: float
    ) -> tuple[trio.SSLStream[trio.abc.Stream], TlsFacts]:
        """Take TLS up on an accepted connection, with the certificate in force now.

        Raises:
            trio.BrokenResourceError: the handshake failed.
            trio.TooSlowError: it took more than so many seconds.
        """
        context = self._contexts.server_for(client_certificates=self._client_certificates)
        end_point = self._contexts.end_point
        tls: trio.SSLStream[Any] = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
        with trio.fail_after(seconds):
            await tls.do_handshake()
        return tls, facts_of(tls, end_point)


def _no_password() -> str:
    raise ValueError("the key is encrypted; keep it in a file that only the server may read instead")


@contextlib.contextmanager
def _as_file(octets: bytes) -> Iterator[str]:
    """Lend octets to OpenSSL, which wants a path, without writing them to a disk."""
    descriptor = os.memfd_create("pymailcore-tls")
    try:
        os.write(descriptor, octets)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
