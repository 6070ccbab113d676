"""S14: nobody sends as somebody else, whatever the header looks like, by submission port or by JMAP."""

from tests.support.jmap_world import JmapWorld
from tests.support.smtp import DIGEST
from tests.support.submissions import envelope_of, identity

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import MailError
from pymailcore.base.ids import EMAIL, encode_id
from pymailcore.msa.role import MsaRole
from pymailcore.runtime.metrics import Metrics
from pymailcore.smtp.role import Session
from pymailcore.smtp.settings import SmtpSettings
from pymailcore.store.types import Row, Transaction
from pymailcore.submission.submission import Submission

OWN = b"anna@example.org"
FORGED = [
    b"From: ben@example.org",
    b"From: <ben@example.org>",
    b"From: Anna <ben@example.org>",
    b"From: anna@example.net",
    b"From: anna@example.org, ben@example.org",
    b"From: ben@example.org, anna@example.org",
    b"From: anna@example.org, anna@example.org",
    b"From: us: anna@example.org, ben@example.org;",
    b"From: anna@example.org\r\nFrom: ben@example.org",
    b"From: ben@example.org\r\nFrom: anna@example.org",
    b"From: anna@example.org\r\nFROM: anna@example.org",
    b"From : anna@example.org\r\nFrom: ben@example.org",
    b"From: anna@example.org\r\n ,ben@example.org",
    b"From: anna@example.org\r\nSender: ben@example.org",
    b"From: anna@example.org\r\nSender: anna@example.org\r\nSender: anna@example.org",
    b"From: anna@example.org\r\nResent-From: ben@example.org",
    b"From: anna@example.org\r\nResent-Sender: ben@example.org",
    b"From: ben@example.org <anna@example.org>",
    b"From: <ben@example.org> <anna@example.org>",
    b"From: <ben@example.org>anna@example.org",
    b"From: <@example.net:ben@example.org>",
    b'From: "Anna <anna@example.org>',
    b"From: =?utf-8?q?anna=40example=2Eorg?= <ben@example.org>",
    b"From: anna@example.org(x), ben@example.org",
    b"From: anna@example.org\rFrom: ben@example.org",
    b"From: anna@example.org\nFrom: ben@example.org",
]


async def _kept(tx: Transaction) -> Row | None:
    return await tx.row("SELECT COUNT(*) FROM queue_recipients")


async def by_jmap(world: JmapWorld, octets: bytes) -> str:
    """Send a message that was stored as it is; gives the kind of the refusal, "" for none."""
    filed = await world.deliver(octets, "drafts")
    given = {
        "identityId": await identity(world),
        "emailId": encode_id(EMAIL, filed.email),
        "envelope": envelope_of("far@example.net"),
    }
    done = await world.call("EmailSubmission/set", create={"s": given})
    return str((done.get("notCreated") or {}).get("s", {}).get("type", ""))


async def by_smtp(world: JmapWorld, octets: bytes) -> str:
    """Send a message by the submission port; gives the kind of the refusal, "" for none."""
    submission = world.services.submission
    assert isinstance(submission, Submission)
    role = MsaRole(submission, world.directory, SmtpSettings(), metrics=Metrics())
    conversation = role.begin(Session(connection_id="c1", peer="192.0.2.1", tls=""))
    conversation._principal = await world.directory.principal(world.anna.id)
    sender, far = Address("anna", "example.org"), Address("far", "example.net")
    try:
        answer = await conversation.message(Envelope(reverse_path=sender, recipients=(far,)), octets, DIGEST)
    except MailError as refusal:
        return type(refusal).__name__
    assert answer is not None
    return "" if answer.positive else str(answer.code)


async def test_no_form_of_a_header_lets_somebody_send_as_another(world: JmapWorld) -> None:
    """RFC 6409 section 8.2; the espoofer attacks of a client that has signed in."""
    for header in FORGED:
        octets = header + b"\r\nSubject: hi\r\n\r\ntext\r\n"
        assert await by_jmap(world, octets) in ("forbiddenFrom", "invalidEmail"), header
        assert await by_smtp(world, octets) == "Forbidden", header
    assert await world.store.database.read(_kept) == (0,)
    honest = b"From: Anna <" + OWN + b">\r\nSubject: hi\r\n\r\ntext\r\n"
    assert await by_jmap(world, honest) == await by_smtp(world, honest) == ""
    assert await world.store.database.read(_kept) == (2,)
    assert len(FORGED) >= 20
