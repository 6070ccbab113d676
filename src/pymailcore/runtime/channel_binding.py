"""What binds a login to the TLS connection that carries it.

Standards: RFC 9266 section 2 (tls-exporter), RFC 5929 section 4 (tls-server-end-point), RFC 8446 section 7.5.

Theory of operation. Python's `ssl` cannot export keying material, so `tls-exporter` calls the function of
libssl by ctypes: of the very library that `_ssl` is linked with, which the handle of `_ssl` itself finds. The
function wants the `SSL *` of a connection, the second field of CPython's `PySSLSocket`; the third is the
address of the connection's `SSLContext`, which Python also gives. A pointer is used only where that third
field is right, which proves the layout of this very object, and only on versions of CPython whose layout was
looked at. `find_exporter` then makes a handshake in memory and compares what both ends export. Where any of
this is not as expected there is no `tls-exporter`, and nothing else happens.

Only TLS 1.3 is bound by `tls-exporter`: with TLS 1.2 it needs the extended master secret (RFC 9266 section
4.2), of which Python cannot tell. The client may still use `tls-server-end-point` there.
"""

import base64
import binascii
import ctypes
import functools
import hashlib
import re
import ssl
import struct
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import trio

TLS_EXPORTER: Final = "tls-exporter"
TLS_SERVER_END_POINT: Final = "tls-server-end-point"

EXPORTER_LABEL: Final = b"EXPORTER-Channel-Binding"
EXPORTER_OCTETS: Final = 32

Exporter = Callable[[Any, bytes], bytes | None]
"""Takes the object of `_ssl` below an `ssl.SSLObject` and a label; None when it cannot be exported."""

_KNOWN_CPYTHON: Final = ((3, 11), (3, 14))  # the first and last version whose PySSLSocket was looked at
_POINTER_OCTETS: Final = struct.calcsize("P")
_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")

# RFC 5929 section 4.1: the hash of the certificate's signature, SHA-256 in place of MD5 and SHA-1. Object
# identifiers of signatures by their DER form; signatures with no single hash are not here.
_RSA: Final = bytes.fromhex("2a864886f70d0101")
_ECDSA: Final = bytes.fromhex("2a8648ce3d0403")
_HASHES: Final[Mapping[bytes, str]] = MappingProxyType(
    {
        _RSA + b"\x04": "sha256",
        _RSA + b"\x05": "sha256",
        _RSA + b"\x0b": "sha256",
        _RSA + b"\x0c": "sha384",
        _RSA + b"\x0d": "sha512",
        bytes.fromhex("2a8648ce3d0401"): "sha256",
        _ECDSA + b"\x02": "sha256",
        _ECDSA + b"\x03": "sha384",
        _ECDSA + b"\x04": "sha512",
    }
)


class TlsFacts(NamedTuple):
    """What a finished handshake says about its connection.

    Attributes:
        bindings: channel-binding data by type; empty in clear.
        certificate: the client's, DER, verified; None when it gave none.
    """

    bindings: Mapping[str, bytes] = MappingProxyType({})
    certificate: bytes | None = None


NO_FACTS: Final = TlsFacts()


def facts_of(stream: trio.SSLStream[Any], end_point: bytes | None) -> TlsFacts:
    """Look at a connection whose handshake is done.

    Args:
        end_point: what `end_point_of` says of the certificate that was in force at the handshake.
    """
    bindings = {}
    exported = exported_by(stream)
    if exported is not None:
        bindings[TLS_EXPORTER] = exported
    if end_point is not None:
        bindings[TLS_SERVER_END_POINT] = end_point
    return TlsFacts(bindings, stream.getpeercert(binary_form=True))


def exported_by(stream: trio.SSLStream[Any]) -> bytes | None:
    """The tls-exporter data of a connection (RFC 9266 section 2); None where it cannot be had."""
    exporter = find_exporter()
    if exporter is None or stream.version() != "TLSv1.3":
        return None
    # trio forwards what Python's API has; what lies below is not part of it.
    below = getattr(getattr(stream, "_ssl_object", None), "_sslobj", None)
    return None if below is None else exporter(below, EXPORTER_LABEL)


def end_point_of(certificate: bytes) -> bytes | None:
    """The tls-server-end-point data of a chain in PEM; None when its signature has no one hash."""
    found = _PEM.search(certificate)
    if found is None:
        return None
    try:
        der = base64.b64decode(found[1])
        inside, _ = _enter(der, 0)
        _, after_tbs = _enter(der, inside)
        algorithm, _ = _enter(der, after_tbs)
        identifier, end = _enter(der, algorithm)
    except (binascii.Error, IndexError):
        return None
    name = _HASHES.get(der[identifier:end])
    return None if name is None else hashlib.new(name, der).digest()


@functools.cache
def find_exporter() -> Exporter | None:
    """Find a way to export keying material and try it; None when there is none that can be trusted.

    The first call takes a handshake (a few milliseconds).
    """
    exporter = _make_exporter()
    return exporter if exporter is not None and passes_test(exporter) else None


def _make_exporter() -> Exporter | None:
    if sys.implementation.name != "cpython" or sys.platform != "linux":
        return None
    if not _KNOWN_CPYTHON[0] <= sys.version_info[:2] <= _KNOWN_CPYTHON[1] or object.__basicsize__ != 16:
        return None  # another header than (reference count, type): a debugging or free-threaded build
    function = _libssl_function()
    return None if function is None else _Exporter(function)


def _libssl_function() -> Callable[..., int] | None:
    """`SSL_export_keying_material` of the libssl that the interpreter itself uses."""
    path = getattr(sys.modules.get("_ssl"), "__file__", None)
    try:
        # With no path `_ssl` is part of the interpreter. PyDLL holds the interpreter's lock during the call.
        function = ctypes.PyDLL(path).SSL_export_keying_material
    except (OSError, AttributeError):
        return None
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    function.restype = ctypes.c_int
    function.argtypes = [
        pointer,
        ctypes.c_char_p,
        size,
        ctypes.c_char_p,
        size,
        ctypes.c_char_p,
        size,
        ctypes.c_int,
    ]
    return function


class _Exporter:
    """Calls libssl for one connection after another."""

    def __init__(self, function: Callable[..., int]) -> None:
        self._function = function

    def __call__(self, below: Any, label: bytes) -> bytes | None:  # noqa: ANN401 - a class that Python hides
        pointer = _pointer_of(below)
        if pointer is None:
            return None
        out = ctypes.create_string_buffer(EXPORTER_OCTETS)
        done = self._function(pointer, out, EXPORTER_OCTETS, label, len(label), b"", 0, 1)
        return out.raw if done == 1 else None


def _pointer_of(below: Any) -> int | None:  # noqa: ANN401 - a class that Python hides
    """The `SSL *` of a connection; None unless the field behind it holds the connection's context.

    Reads nothing outside of the object: head, weak reference to a socket, `SSL *`, `PySSLContext *`.
    """
    kind = type(below)
    place = object.__basicsize__ + _POINTER_OCTETS
    if kind.__module__ != "_ssl" or kind.__basicsize__ < place + 2 * _POINTER_OCTETS:
        return None
    pointer, context = struct.unpack("PP", ctypes.string_at(id(below) + place, 2 * _POINTER_OCTETS))
    return int(pointer) if pointer and context == id(below.context) else None


def passes_test(exporter: Exporter) -> bool:
    """Whether both ends of a handshake in memory export the same, and two handshakes never do."""
    seen = set()
    for _ in range(2):
        ends = _handshake()
        if ends is None:
            return False
        ours, theirs = (exporter(end, EXPORTER_LABEL) for end in ends)
        if ours is None or ours != theirs or len(ours) != EXPORTER_OCTETS or not any(ours):
            return False
        seen |= {ours, exporter(ends[0], b"another label")}
    return len(seen) == 4


def _handshake() -> tuple[Any, Any] | None:
    """Shake hands with ourselves, without a certificate: TLS 1.2 with an anonymous key exchange."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = []
    for protocol in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT):
        context = ssl.SSLContext(protocol)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.set_ciphers("AECDH:@SECLEVEL=0")
        except ssl.SSLError:
            return None
        server = protocol is ssl.PROTOCOL_TLS_SERVER
        pair = (incoming, outgoing) if server else (outgoing, incoming)
        ends.append(context.wrap_bio(*pair, server_side=server))
    for _ in range(10):
        waiting = 0
        for end in reversed(ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                waiting += 1
            except ssl.SSLError:
                return None
        if not waiting:
            server_end, client_end = (getattr(end, "_sslobj", None) for end in ends)
            return server_end, client_end
    return None


def _enter(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the DER element at a place begins and ends (X.690 section 8.1)."""
    length, begin = der[at + 1], at + 2
    if length & 0x80:
        octets = length & 0x7F
        length, begin = int.from_bytes(der[begin : begin + octets], "big"), begin + octets
    if begin + length > len(der):
        raise IndexError("the element is cut")
    return begin, begin + length
