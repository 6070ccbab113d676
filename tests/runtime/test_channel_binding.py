"""Channel binding against OpenSSL's own client, and what happens where Python is not as expected."""

import datetime
import hashlib
import re
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from tests.support.certificates import contexts

from pymailcore.runtime import channel_binding
from pymailcore.runtime.channel_binding import (
    EXPORTER_LABEL,
    TLS_EXPORTER,
    TLS_SERVER_END_POINT,
    end_point_of,
    exported_by,
    facts_of,
    find_exporter,
    passes_test,
)


async def shaken(version: ssl.TLSVersion) -> tuple[trio.SSLStream[Any], trio.SSLStream[Any]]:
    """Both ends of a connection in memory."""
    ours, theirs = trio.testing.memory_stream_pair()
    server_context, client_context = contexts()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode, context.maximum_version = False, ssl.CERT_NONE, version
    server = trio.SSLStream(ours, server_context, server_side=True)
    client = trio.SSLStream(theirs, context, server_hostname="mx.example")
    assert client_context
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.do_handshake)
        nursery.start_soon(client.do_handshake)
    return server, client


async def test_both_ends_export_the_same_and_each_connection_something_else() -> None:
    """RFC 9266 section 2."""
    server, client = await shaken(ssl.TLSVersion.TLSv1_3)
    other, _ = await shaken(ssl.TLSVersion.TLSv1_3)
    exported = exported_by(server)
    assert exported is not None
    assert len(exported) == 32
    assert exported == exported_by(client)
    assert exported != exported_by(other)


async def test_tls_1_2_is_not_bound_by_it() -> None:
    """RFC 9266 section 4.2."""
    server, _ = await shaken(ssl.TLSVersion.TLSv1_2)
    assert exported_by(server) is None
    assert facts_of(server, b"x").bindings == {TLS_SERVER_END_POINT: b"x"}
    assert facts_of(server, None).bindings == {}


async def test_the_client_of_openssl_exports_the_same(tmp_path: Path) -> None:
    """RFC 9266 section 2, RFC 8446 section 7.5: another implementation's client says what is right."""
    facts = []

    async def serve(stream: trio.SocketStream) -> None:
        tls = trio.SSLStream(stream, contexts()[0], server_side=True, https_compatible=True)
        await tls.do_handshake()
        facts.append(facts_of(tls, None))
        await tls.aclose()

    command = ["openssl", "s_client", "-keymatexport", EXPORTER_LABEL.decode(), "-keymatexportlen", "32"]
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        port = listener.socket.getsockname()[1]
        with trio.fail_after(20):
            ended = await trio.run_process(
                [*command, "-connect", f"127.0.0.1:{port}"],
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
        nursery.cancel_scope.cancel()
    said = re.search(rb"Keying material: ([0-9A-F]{64})", ended.stdout)
    assert said is not None, ended.stdout
    assert facts[0].bindings[TLS_EXPORTER].hex().upper().encode() == said[1]
    assert facts[0].certificate is None


def test_the_exporter_is_found_and_tried_once() -> None:
    assert find_exporter() is not None
    assert find_exporter() is find_exporter()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda _below, _label: None,
        lambda _below, _label: bytes(32),
        lambda _below, _label: b"always the same and 32 octets ok",
        lambda _below, _label: b"short",
        lambda below, _label: hashlib.sha256(repr(id(below)).encode()).digest(),
    ],
)
def test_an_exporter_that_is_wrong_is_not_used(wrong: channel_binding.Exporter) -> None:
    assert not passes_test(wrong)


def test_no_pointer_is_taken_of_an_object_that_is_not_as_expected() -> None:
    """A class of another shape, another module, or with another context behind the pointer."""

    class Lookalike:
        context = None

    class Fake:
        __slots__ = tuple("abcdefgh")
        __module__ = "_ssl"

        @property
        def context(self) -> object:
            return object()

    assert channel_binding._pointer_of(object()) is None
    assert channel_binding._pointer_of(Lookalike()) is None
    assert channel_binding._pointer_of(Fake()) is None
    context = ssl.create_default_context()
    end = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="x")
    assert channel_binding._pointer_of(end._sslobj) is not None  # type: ignore[attr-defined] # not in the stubs


@pytest.mark.parametrize(
    ("name", "value"),
    [("version_info", (3, 10)), ("version_info", (3, 99)), ("platform", "darwin")],
)
def test_other_interpreters_have_no_exporter(
    name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, name, value)
    assert channel_binding._make_exporter() is None


def test_an_interpreter_without_the_function_has_no_exporter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_binding, "_libssl_function", lambda: None)
    assert channel_binding._make_exporter() is None


def test_finding_it_never_ends_the_process() -> None:
    """Run apart: a wrong pointer would end the process with a signal."""
    code = (
        "from pymailcore.runtime.channel_binding import find_exporter, passes_test\n"
        "exporter = find_exporter()\n"
        "assert exporter is not None\n"
        "assert all(passes_test(exporter) for _ in range(50))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr


def certificate(key: Any, algorithm: Any, **options: Any) -> tuple[bytes, bytes]:  # noqa: ANN401 - of any kind
    name = x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now)
    made = builder.sign(key, algorithm, **options)
    return made.public_bytes(serialization.Encoding.PEM), made.public_bytes(serialization.Encoding.DER)


def test_the_end_point_is_the_hash_of_the_certificate() -> None:
    """RFC 5929 section 4.1: by the hash of its signature."""
    small, large = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
    old = rsa.generate_private_key(65_537, 2048)
    for key, algorithm, digest in (
        (small, hashes.SHA256(), hashlib.sha256),
        (large, hashes.SHA384(), hashlib.sha384),
        (old, hashes.SHA512(), hashlib.sha512),
        (old, hashes.SHA256(), hashlib.sha256),
    ):
        pem, der = certificate(key, algorithm)
        assert end_point_of(b"text before\n" + pem + pem) == digest(der).digest()


def test_a_signature_without_one_hash_gives_no_end_point() -> None:
    """RFC 5929 section 4.1: undefined there."""
    assert end_point_of(certificate(ed25519.Ed25519PrivateKey.generate(), None)[0]) is None
    padding = rsa_padding.PSS(rsa_padding.MGF1(hashes.SHA256()), 32)
    key = rsa.generate_private_key(65_537, 2048)
    assert end_point_of(certificate(key, hashes.SHA256(), rsa_padding=padding)[0]) is None


@pytest.mark.parametrize("text", [b"", b"AAAA", b"MIIB", b"MA==", b"MIQAAAAA"])
def test_what_is_no_certificate_gives_none(text: bytes) -> None:
    assert end_point_of(b"-----BEGIN CERTIFICATE-----\n" + text + b"\n-----END CERTIFICATE-----\n") is None
