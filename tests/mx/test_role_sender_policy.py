"""What the MX role does with SPF: marks, refusals, the header field, reports (RFC 7208, S15)."""

from ipaddress import ip_network

import pytest
import trio
import trio.testing
from tests.mx.test_role import FakeDelivery, FakeDirectory
from tests.support.deliveries import Post, make_post
from tests.support.hooks import hooked
from tests.support.spf_zone import PEER, ZoneLookups

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import OverQuota
from pymailcore.mx.role import Deliverer, MxConversation, MxRole, Recipients
from pymailcore.mx.sender_policy import SenderPolicies
from pymailcore.runtime.metrics import Metrics
from pymailcore.smtp.hooks import Client, hook
from pymailcore.smtp.protocol import events
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.role import Session
from pymailcore.smtp.settings import SmtpSettings

ZONE = {
    "pass.example": ["TXT v=spf1 ip4:192.0.2.0/24 -all"],
    "open.example": ["TXT v=spf1 +all"],
    "fail.example": ["TXT v=spf1 -all exp=why.example"],
    "why.example": ["TXT Go away, %{i}"],
    "softfail.example": ["TXT v=spf1 ~all"],
    "neutral.example": ["TXT v=spf1 ?all"],
    "default.example": ["TXT v=spf1"],
    "permerror.example": ["TXT v=spf1 al"],
    "temperror.example": ["TXT fails"],
}
RESULTS = ["none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"]
B, C = Address("b", "host.example"), Address("c", "host.example")
MESSAGE = b"From: <a@x.example>\r\n\r\ntext\r\n"
DIGEST = "d" * 64


class Scene:
    """A conversation with the role; mail is said to come from ann at a domain."""

    def __init__(
        self,
        lookups: ZoneLookups,
        settings: SmtpSettings | None = None,
        *,
        delivery: Deliverer | None = None,
        directory: Recipients | None = None,
        trusted: str = "198.51.100.0/24",
        peer: str = PEER,
    ) -> None:
        self.policies = SenderPolicies(lookups, Metrics())
        self.delivery = FakeDelivery()
        self.session = Session(connection_id="c1", peer=peer, tls="")
        self.role = MxRole(
            delivery or self.delivery,
            directory or FakeDirectory(),
            settings or SmtpSettings(),
            hostname="mx.example",
            trusted=[ip_network(trusted)],
            sender_policies=self.policies,
        )
        self.conversation: MxConversation = self.role.begin(self.session)
        self.path: Address | None = None

    async def mail(self, domain: str | None, hello: str = "mail.client.example") -> None:
        """Say who sends; None is the null reverse-path."""
        self.path = None if domain is None else Address("ann", domain)
        await self.conversation.hello(events.Hello(hello, extended=True))
        assert await self.conversation.mail(events.Mail(self.path)) is None

    async def recipient(self, address: Address = B) -> Reply | None:
        """Name one."""
        return await self.conversation.recipient(events.Mail(self.path), events.Recipient(address))

    async def message(self, *recipients: Address) -> None:
        """Send it to them."""
        envelope = Envelope(reverse_path=self.path, recipients=recipients or (B,))
        answer = await self.conversation.message(envelope, MESSAGE, DIGEST)
        assert isinstance(answer, Reply)
        assert answer.code == 250

    @property
    def kept(self) -> bytes:
        """The message that was delivered last."""
        return self.delivery.accepted[-1][1]


def cached() -> ZoneLookups:
    return ZoneLookups(ZONE, is_cached=True)


@pytest.mark.parametrize("result", RESULTS)
async def test_what_is_found_stands_in_the_message(result: str) -> None:
    """RFC 7208 section 9.1: above Received; nothing is refused by default."""
    scene = Scene(cached())
    await scene.mail(f"{result}.example")
    assert await scene.recipient() is None
    await scene.message()
    assert scene.kept.startswith(
        f"Delivered-To: b@host.example\r\nReceived-SPF: {result} (mx.example: ".encode()
    )
    assert scene.kept.index(b"\r\nReceived: ") > scene.kept.index(b"identity=mailfrom")
    assert scene.kept.endswith(MESSAGE)


@pytest.mark.parametrize("result", RESULTS)
async def test_who_looks_bad(result: str) -> None:
    """The marks are of the transaction: the next sender has his own."""
    marks = {"fail": {"spf-fail"}, "softfail": {"spf-softfail"}}.get(result, set())
    scene = Scene(cached())
    await scene.mail(f"{result}.example")
    assert scene.session.marks == marks
    await scene.mail("pass.example")
    assert scene.session.marks == set()


async def test_a_mark_comes_as_soon_as_it_is_known(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """MAIL and RCPT wait for nothing."""
    scene = Scene(ZoneLookups(ZONE))
    await nursery.start(scene.policies.run)
    await scene.mail("fail.example")
    assert await scene.recipient() is None
    assert (scene.session.marks, trio.current_time()) == (set(), 0)
    await trio.sleep(1.5)
    assert await scene.recipient(C) is None
    assert scene.session.marks == {"spf-fail"}


@pytest.mark.parametrize(
    ("seconds", "waited", "noted"), [(2.0, 1.0, True), (0.5, 0.5, False), (0.0, 0.0, False)]
)
async def test_the_reply_to_a_message_waits_so_long_at_most(
    seconds: float, waited: float, noted: bool, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    scene = Scene(ZoneLookups(ZONE), SmtpSettings(spf_note_seconds=seconds))
    await nursery.start(scene.policies.run)
    await scene.mail("pass.example")
    await scene.recipient()
    await scene.message()
    assert trio.current_time() == waited
    assert (b"Received-SPF: pass" in scene.kept) is noted


@pytest.mark.parametrize("result", RESULTS)
async def test_a_fail_is_refused_where_that_is_wanted(
    result: str, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 7208 section 8.4, RFC 7372; RCPT waits for it; postmaster and abuse are reached all the same."""
    scene = Scene(ZoneLookups(ZONE), SmtpSettings(spf="refuse"))
    await nursery.start(scene.policies.run)
    await scene.mail(f"{result}.example")
    answer = await scene.recipient()
    if result != "fail":
        assert answer is None
        return
    assert answer == Reply(
        550,
        "5.7.23",
        "The SPF record of fail.example does not allow your host to send for it\n"
        f"fail.example explains: Go away, {PEER}",
    )
    assert scene.session.marks == {"spf-fail"}
    for name in ("postmaster", "Abuse"):
        assert await scene.recipient(Address(name, "host.example")) is None


async def test_what_is_not_known_in_time_is_not_refused(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    scene = Scene(ZoneLookups(ZONE), SmtpSettings(spf="refuse", spf_seconds=0.5))
    await nursery.start(scene.policies.run)
    await scene.mail("fail.example")
    assert await scene.recipient() is None
    assert trio.current_time() == 0.5
    await scene.message()
    assert b"Received-SPF: temperror" in scene.kept


@pytest.mark.parametrize("case", ["off", "trusted", "private"])
async def test_who_is_not_asked_about(case: str) -> None:
    """Hosts of ours, addresses that no domain can know, and everybody where it is off."""
    lookups = cached()
    if case == "off":
        scene = Scene(lookups, SmtpSettings(spf="off"))
    elif case == "private":
        scene = Scene(lookups, SmtpSettings(spf="refuse"), peer="10.0.0.1")
    else:
        scene = Scene(lookups, SmtpSettings(spf="refuse"), trusted="192.0.2.0/24")
    await scene.mail("fail.example")
    assert await scene.recipient() is None
    await scene.message()
    assert lookups.asked == []
    assert scene.session.marks == set()
    assert b"Received-SPF" not in scene.kept
    assert scene.delivery.proof is None


@pytest.mark.parametrize(("result", "marks"), [("softfail", {"spf-softfail"}), ("pass", set())])
async def test_plug_ins_see_who_looks_bad(result: str, marks: set[str]) -> None:
    """So greylisting does, which puts off who has a mark."""
    seen: list[set[str]] = []

    class Looker:
        @hook
        async def recipient(self, client: Client) -> None:
            seen.append(set(client.marks))

    scene = Scene(cached())
    conversation = hooked(scene.role, Looker()).begin(scene.session)
    mail = events.Mail(Address("ann", f"{result}.example"))
    assert await conversation.mail(mail) is None
    assert await conversation.recipient(mail, events.Recipient(B)) is None
    assert seen == [marks]


async def test_a_report_is_judged_by_the_name_in_ehlo() -> None:
    """RFC 7208 section 2.4."""
    scene = Scene(cached())
    await scene.mail(None, hello="fail.example")
    assert scene.session.marks == {"spf-fail"}
    await scene.message()
    assert b"Received-SPF: fail (mx.example: fail.example " in scene.kept
    assert b"identity=helo" in scene.kept


async def test_nothing_is_asked_when_the_connection_has_ended(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    lookups = ZoneLookups({"e.example": ["TXT v=spf1 a:a.example a:b.example -all"]})
    scene = Scene(lookups)
    await nursery.start(scene.policies.run)
    for _ in range(3):  # what was asked for the transaction before is given up as well
        await scene.mail("e.example")
        await trio.sleep(0.5)
    scene.session.whole.close()
    await trio.sleep(10)
    assert [one.name for one in lookups.asked] == ["e.example"] * 3


SENDERS = [
    *(f"{result}.example" for result in RESULTS),
    "default.example",
    "open.example",
    None,
    "late.example",
]


@pytest.mark.parametrize("is_cached", [True, False])
@pytest.mark.parametrize("sender", SENDERS)
async def test_only_who_is_proved_can_ever_be_sent_a_report(
    sender: str | None, is_cached: bool, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """S15: each result of SPF with each fate of two recipients, whether the answer is there or on its way."""
    proved = sender in ("pass.example", "open.example")
    if sender == "late.example":
        is_cached = False
    for full in ((), ("ann",), ("ben",), ("ann", "ben")):
        post = await make_post()
        for name in full:
            fill(post, name)
        scene = Scene(
            ZoneLookups(ZONE, is_cached=is_cached),
            SmtpSettings(spf_note_seconds=0, spf_seconds=0.5 if sender == "late.example" else 20),
            delivery=post.delivery,
            directory=post.directory,
        )
        await nursery.start(scene.policies.run)
        await scene.mail("pass.example" if sender == "late.example" else sender, hello="pass.example")
        if len(full) == 2 or (full and not proved):
            with pytest.raises(OverQuota):
                await scene.message(*RECIPIENTS)
            assert post.store.count("mails") == post.store.count("queue_recipients") == 0
        else:
            await scene.message(*RECIPIENTS)
            assert post.store.count("mails") == 2 - len(full)
            assert post.store.count("queue_recipients") == len(full)


RECIPIENTS = (Address("ann", "a.example"), Address("ben", "a.example"))


def fill(post: Post, name: str) -> None:
    """Let a mailbox be full."""
    post.store.memory.connection.execute(
        "UPDATE accounts SET full = 1, quota_octets = 10 WHERE id = ?1", (getattr(post, name).id,)
    )


async def test_who_has_room_for_all_is_not_asked_for_proof(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A plain delivery waits for nothing."""
    post = await make_post()
    scene = Scene(
        ZoneLookups(ZONE), SmtpSettings(spf_note_seconds=0), delivery=post.delivery, directory=post.directory
    )
    await nursery.start(scene.policies.run)
    await scene.mail("pass.example")
    await scene.message(*RECIPIENTS)
    assert trio.current_time() == 0
