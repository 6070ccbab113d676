import trio
import trio.testing
from tests.support.certificates import contexts

from pymailcore.smtp.tls import describe


async def test_a_stream_in_clear_has_no_tls_facts() -> None:
    assert describe(trio.testing.memory_stream_pair()[0]) == ""


async def test_version_and_cipher_are_named(nursery: trio.Nursery) -> None:
    """RFC 8314 section 4.3."""
    ours, theirs = trio.testing.memory_stream_pair()
    server, client = contexts()
    accepted = trio.SSLStream(ours, server, server_side=True)
    nursery.start_soon(accepted.do_handshake)
    connected = trio.SSLStream(theirs, client, server_hostname="mx.example")
    await connected.do_handshake()
    assert describe(connected).startswith("TLSv1.3 TLS_")
