"""S13: nobody who has not signed in gets a message past any door to somebody elsewhere."""

from ipaddress import ip_network

import pytest
import trio
import trio.testing
from tests.msa.test_role import FakeAccounts, FakeSubmission
from tests.mx.test_role import FakeDelivery, FakeDirectory
from tests.support.relaying import FORMS
from tests.support.smtp import FakeConnection, codes

from pymailcore.base.budget import MailDataBudget
from pymailcore.msa.role import MsaRole
from pymailcore.mx.lmtp import LmtpRole
from pymailcore.mx.role import MxRole
from pymailcore.runtime.metrics import Metrics
from pymailcore.smtp.role import SmtpRole
from pymailcore.smtp.server import SmtpServer
from pymailcore.smtp.settings import SmtpSettings

SETTINGS = SmtpSettings(hard_errors_count=10_000, soft_errors_count=10_000)
SENDERS = ("<>", "<a@client.example>", "<b@host.example>", "<a@client.example> AUTH=b@host.example")
DOORS = ("mx", "submission", "lmtp", "lmtp from outside")


async def converse(server: SmtpServer, octets: bytes, peer: str) -> list[bytes]:
    """Say everything, then end; give all codes."""
    ours, theirs = trio.testing.memory_stream_pair()
    answers = b""
    async with trio.open_nursery() as nursery:

        async def serve() -> None:
            async with ours:
                await server.serve_connection(FakeConnection(ours, peer=peer))

        nursery.start_soon(serve)
        await theirs.send_all(octets)
        while more := await theirs.receive_some():
            answers += more
    return codes(answers)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("smtputf8", [False, True])
async def test_no_form_of_an_address_opens_a_door(door: str, smtputf8: bool) -> None:
    """Sixty forms and more, with four senders each; what is refused stays out of store and queue."""
    delivery, submission, metrics = FakeDelivery(), FakeSubmission(), Metrics()
    role: SmtpRole
    match door:
        case "mx":
            role = MxRole(delivery, FakeDirectory(), SETTINGS, hostname="mx.example")
        case "submission":
            role = MsaRole(submission, FakeAccounts(), SETTINGS, metrics=metrics)
        case _:
            networks = [ip_network("192.0.2.0/24")]
            role = LmtpRole(delivery, FakeDirectory(), SETTINGS, hostname="mx.example", trusted=networks)
    lmtp = door.startswith("lmtp")
    server = SmtpServer(
        role=role,
        settings=SETTINGS,
        hostname="mx.example",
        budget=MailDataBudget(10_000_000),
        metrics=metrics,
        lmtp=lmtp,
    )
    said = b"LHLO c.example\r\n" if lmtp else b"EHLO c.example\r\n"
    count = 0
    for sender in SENDERS:
        for form in FORMS:
            utf8 = " SMTPUTF8" if smtputf8 else ""
            said += f"RSET\r\nMAIL FROM:{sender}{utf8}\r\nRCPT TO:{form}\r\nDATA\r\n".encode()
            count += 1
    peer = "198.51.100.1" if door == "lmtp from outside" else "192.0.2.1"
    answers = await converse(server, said + b"QUIT\r\n", peer)
    assert len(FORMS) >= 60
    assert answers[0] == (b"554" if door == "lmtp from outside" else b"220")
    for number in range(count):
        _reset, _mail, recipient, data = answers[2 + 4 * number : 6 + 4 * number]
        assert recipient.startswith(b"5"), FORMS[number % len(FORMS)]
        assert data.startswith(b"5"), FORMS[number % len(FORMS)]
    assert answers[-1] == b"221"
    assert not delivery.accepted
    assert not submission.taken
