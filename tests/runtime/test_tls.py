import contextlib
import secrets
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from tests.support.flood_child import resident_octets

from pymailcore.runtime.certificates import load_material
from pymailcore.runtime.settings import TlsSettings
from pymailcore.runtime.tls import TlsContexts, TlsMaterial

HOST = "mx.example.org"


def self_signed(folder: Path) -> TlsMaterial:
    return load_material(TlsSettings(), folder, HOST)


def test_the_key_is_never_shown(tmp_path: Path) -> None:
    material = self_signed(tmp_path)
    assert "PRIVATE" not in repr(material)
    assert "PRIVATE" not in str(material)


async def handshake(contexts: TlsContexts, client: ssl.SSLContext, *alpn: str) -> trio.SSLStream[Any]:
    ours, theirs = trio.testing.memory_stream_pair()
    server = trio.SSLStream(ours, contexts.server_for(*alpn), server_side=True)
    stream = trio.SSLStream(theirs, client, server_hostname=HOST)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.do_handshake)
        nursery.start_soon(stream.do_handshake)
    return stream


def trusting(material: TlsMaterial) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=material.certificate.decode())


async def test_handshake_with_alpn_left_to_the_caller(tmp_path: Path) -> None:
    """RFC 7301 section 3.2."""
    material = self_signed(tmp_path)
    contexts = TlsContexts(material)
    client = trusting(material)
    client.set_alpn_protocols(["http/1.1", "imap"])
    assert (await handshake(contexts, client, "imap", "http/1.1")).selected_alpn_protocol() == "imap"
    assert (await handshake(contexts, client)).selected_alpn_protocol() is None


async def test_tls_below_1_2_is_refused(tmp_path: Path) -> None:
    """RFC 8996 section 4."""
    material = self_signed(tmp_path)
    assert TlsContexts(material).server_for().minimum_version is ssl.TLSVersion.TLSv1_2


async def test_a_reload_reaches_new_handshakes(tmp_path: Path) -> None:
    old, new = self_signed(tmp_path / "a"), self_signed(tmp_path / "b")
    contexts = TlsContexts(old)
    contexts.reload(new)
    await handshake(contexts, trusting(new))


async def test_a_reload_that_fails_leaves_what_is_in_force(tmp_path: Path) -> None:
    old, new = self_signed(tmp_path / "a"), self_signed(tmp_path / "b")
    contexts = TlsContexts(old)
    with pytest.raises(ssl.SSLError):
        contexts.reload(TlsMaterial(new.certificate, old.key))
    await handshake(contexts, trusting(old))


class Stranger:
    """A client that trusts anybody and says a name that nobody has."""

    def __init__(self) -> None:
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    def begin(self, server: ssl.SSLContext, name: str) -> tuple[ssl.SSLObject, ssl.SSLObject, Iterator[None]]:
        """Have a server answer a ClientHello; further rounds of the handshake go on in the iterator."""
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        theirs = self._context.wrap_bio(to_client, to_server, server_hostname=name)
        ours = server.wrap_bio(to_server, to_client, server_side=True)

        def rounds() -> Iterator[None]:
            for side in (theirs, ours) * 3:
                with contextlib.suppress(ssl.SSLWantReadError):
                    side.do_handshake()
                yield

        return theirs, ours, rounds()


def random_name() -> str:
    return f"{secrets.token_hex(8)}.{secrets.token_hex(20)}.example"


def test_unknown_names_get_the_one_certificate(tmp_path: Path) -> None:
    """A7: whatever name a client asks for, no alert is sent and the one certificate is shown."""
    material = self_signed(tmp_path)
    contexts, stranger = TlsContexts(material), Stranger()
    server = contexts.server_for()
    expected = ssl.PEM_cert_to_DER_cert(material.certificate.decode())
    for _ in range(100):
        theirs, _, rounds = stranger.begin(server, random_name())
        list(rounds)
        assert theirs.getpeercert(binary_form=True) == expected
        assert contexts.server_for() is server


@pytest.mark.parametrize(
    "count", [2_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(900)])]
)
def test_random_names_leave_nothing_behind(tmp_path: Path, count: int) -> None:
    """A7 of the security notes: the first flight of a handshake for each name, which is then given up."""
    server, stranger = TlsContexts(self_signed(tmp_path)).server_for(), Stranger()
    for number in range(count + 500):
        _, _, rounds = stranger.begin(server, random_name())
        next(rounds)
        next(rounds)
        if number == 500:
            before = resident_octets()
    assert resident_octets() - before < 4 * 2**20
