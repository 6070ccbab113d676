"""S13: nobody who has not signed in gets a message past any door to somebody elsewhere."""

import base64
from ipaddress import ip_network

import pytest
import trio
import trio.testing
from tests.msa.test_role import TIM, FakeAccounts, FakeSubmission
from tests.mx.test_role import FakeDelivery, FakeDirectory
from tests.support.relaying import FORMS, HERE
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
DOORS = ("mx", "submission", "submission as another tenant", "lmtp", "lmtp from outside")
FOREIGN = ("<b@host.example>", "<boss@other.example>", f"<{TIM}@other.example>", "<b@host.example> AUTH=<>")
SIGN_IN = b"AUTH PLAIN " + base64.b64encode(f"\0{TIM}\0tanstaaf".encode()) + b"\r\n"


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
        case "submission" | "submission as another tenant":
            role = MsaRole(submission, FakeAccounts(), SETTINGS, metrics=metrics)
        case _:
            networks = [ip_network("192.0.2.0/24")]
            role = LmtpRole(
                delivery,
                FakeDirectory(),
                SETTINGS,
                hostname="mx.example",
                trusted=networks,
                metrics=Metrics(),
            )
    lmtp, signed_in = door.startswith("lmtp"), door == "submission as another tenant"
    server = SmtpServer(
        role=role,
        settings=SETTINGS,
        hostname="mx.example",
        budget=MailDataBudget(10_000_000),
        metrics=metrics,
        lmtp=lmtp,
        plaintext_login=signed_in,
    )
    said = b"LHLO c.example\r\n" if lmtp else b"EHLO c.example\r\n"
    said += SIGN_IN if signed_in else b""
    count = 0
    for sender in FOREIGN if signed_in else SENDERS:
        for form in FORMS:
            utf8 = " SMTPUTF8" if smtputf8 else ""
            said += f"RSET\r\nMAIL FROM:{sender}{utf8}\r\nRCPT TO:{form}\r\nDATA\r\n".encode()
            count += 1
    peer = "198.51.100.1" if door == "lmtp from outside" else "192.0.2.1"
    answers = await converse(server, said + b"QUIT\r\n", peer)
    assert len(FORMS) >= 60
    assert answers[0] == (b"554" if door == "lmtp from outside" else b"220")
    if signed_in:
        assert answers.pop(2) == b"235"
    for number in range(count):
        _reset, _mail, recipient, data = answers[2 + 4 * number : 6 + 4 * number]
        assert recipient.startswith(b"5"), FORMS[number % len(FORMS)]
        assert data.startswith(b"5"), FORMS[number % len(FORMS)]
    assert answers[-1] == b"221"
    assert not delivery.accepted
    assert not submission.taken


async def test_no_form_makes_a_user_reach_another_host_than_he_wrote() -> None:
    """Who has signed in may write to anybody; nothing before the last "@" is ever a route."""
    submission, metrics = FakeSubmission(), Metrics()
    server = SmtpServer(
        role=MsaRole(submission, FakeAccounts(), SETTINGS, metrics=metrics),
        settings=SETTINGS,
        hostname="mx.example",
        budget=MailDataBudget(10_000_000),
        metrics=metrics,
        plaintext_login=True,
    )
    said = b"EHLO c.example\r\n" + SIGN_IN
    for form in FORMS:
        said += f"RSET\r\nMAIL FROM:<{TIM}>\r\nRCPT TO:{form}\r\nDATA\r\nTo: {form}\r\n.\r\n".encode()
    await converse(server, said + b"QUIT\r\n", "192.0.2.1")
    assert 10 < len(submission.taken) < len(FORMS)
    for _, envelope, octets, _ in submission.taken:
        (recipient,) = envelope.recipients
        written = octets.decode().removeprefix("To: ").rstrip().rstrip(">").rpartition("@")[2].lower()
        assert recipient.domain == written.encode("idna").decode()
        assert recipient.domain != HERE
