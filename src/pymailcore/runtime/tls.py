"""TLS contexts of a certificate and its key.

Standards: RFC 8996 section 4 (nothing below TLS 1.2), RFC 7301 section 3.2 (ALPN).

The process that may read the key reads it once (`runtime.certificates`) and hands the octets on; workers
without privileges make contexts of them. A reload that fails leaves what is in force as it is.
"""

import contextlib
import os
import ssl
from collections.abc import Iterator
from typing import NamedTuple


class TlsMaterial(NamedTuple):
    """Certificate chain and private key, PEM."""

    certificate: bytes
    key: bytes
    self_signed: bool = False

    def __repr__(self) -> str:
        """Never shows the key."""
        return f"TlsMaterial(self_signed={self.self_signed})"

    def context(self, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
        """Make a server context.

        Args:
            alpn: protocols to choose from, the best first; none means that ALPN is not spoken.

        Raises:
            ssl.SSLError, ValueError: certificate and key are no pair, or the key is encrypted.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
        with _as_file(self.certificate) as certificate, _as_file(self.key) as key:
            context.load_cert_chain(certificate, key, password=_no_password)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


class TlsContexts:
    """The contexts in force; connections ask at each handshake, so a reload reaches all new ones."""

    def __init__(self, material: TlsMaterial) -> None:
        self._material = material
        self._contexts: dict[tuple[str, ...], ssl.SSLContext] = {(): material.context()}

    @property
    def server(self) -> ssl.SSLContext:
        """The server context in force, without ALPN."""
        return self.server_for()

    def server_for(self, *alpn: str) -> ssl.SSLContext:
        """The server context in force that offers these protocols by ALPN ("h2", "http/1.1")."""
        context = self._contexts.get(alpn)
        if context is None:
            context = self._contexts[alpn] = self._material.context(alpn)
        return context

    def reload(self, material: TlsMaterial) -> None:
        """Put another certificate in force; open connections keep theirs.

        Raises:
            ssl.SSLError, ValueError: the new pair cannot be used; the old one stays.
        """
        contexts = {alpn: material.context(alpn) for alpn in self._contexts}
        self._material, self._contexts = material, contexts


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
