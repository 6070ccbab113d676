import ssl
from pathlib import Path
from typing import Any

import pytest
import trio

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
