from dataclasses import dataclass, field, replace
from ipaddress import ip_network

import pytest
from tests.mx.test_role import B, C, FakeDelivery, FakeDirectory
from tests.support.smtp import DIGEST

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope, ReportTerms, Terms
from pymailcore.base.errors import OverQuota
from pymailcore.base.ids import TenantId
from pymailcore.delivery.delivery import Proof
from pymailcore.mx.lmtp import NOT_FOR_YOU, LmtpRole
from pymailcore.runtime.metrics import Metrics
from pymailcore.smtp.protocol import events
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.role import Session
from pymailcore.smtp.settings import SmtpSettings

SESSION = Session(connection_id="c1", peer="127.0.0.1", tls="", lmtp=True)
ENVELOPE = Envelope(reverse_path=None, recipients=(B, C))


@dataclass
class PickyDelivery(FakeDelivery):
    """Some mailboxes are full."""

    full: set[Address] = field(default_factory=set)

    async def accept(
        self,
        envelope: Envelope,
        octets: bytes,
        *,
        tenant: TenantId,
        received_ms: int,
        may_report: Proof | None = None,
    ) -> object:
        """Keep for all, or for none."""
        if self.full.intersection(envelope.recipients):
            raise OverQuota
        return await super().accept(
            envelope, octets, tenant=tenant, received_ms=received_ms, may_report=may_report
        )


def role(delivery: PickyDelivery, metrics: Metrics | None = None) -> LmtpRole:
    return LmtpRole(
        delivery,
        FakeDirectory(),
        SmtpSettings(),
        hostname="mx.example",
        trusted=[ip_network("127.0.0.0/8"), ip_network("2001:db8::/32")],
        metrics=metrics or Metrics(),
    )


@pytest.mark.parametrize(
    ("peer", "served"),
    [("127.0.0.1", True), ("2001:db8::1", True), ("192.0.2.1", False), ("::1", False)],
)
async def test_only_our_own_are_served(peer: str, served: bool) -> None:
    """RFC 2033 section 3: not a service for the network at large; S13."""
    conversation = role(PickyDelivery()).begin(replace(SESSION, peer=peer))
    assert await conversation.opened() == (None if served else NOT_FOR_YOU)


async def test_a_message_is_one_store_operation() -> None:
    """As long as nobody needs another answer."""
    delivery = PickyDelivery()
    answer = await role(delivery).begin(SESSION).message(ENVELOPE, b"Subject: x\r\n", DIGEST)
    assert isinstance(answer, Reply)
    assert answer.positive
    assert [envelope.recipients for envelope, *_ in delivery.accepted] == [(B, C)]


@pytest.mark.parametrize(("full", "codes"), [({B}, [452, 250]), ({C}, [250, 452]), ({B, C}, [452, 452])])
async def test_each_recipient_has_its_own_answer(full: set[Address], codes: list[int]) -> None:
    """RFC 2033 section 4.2."""
    delivery = PickyDelivery(full=full)
    metrics = Metrics()
    conversation = role(delivery, metrics).begin(SESSION)
    await conversation.hello(events.Hello("mta.example", extended=True))
    answers = await conversation.message(ENVELOPE, b"Subject: x\r\n", DIGEST)
    assert answers is not None
    assert not isinstance(answers, Reply)
    assert [answer.code for answer in answers] == codes
    labels = {"outcome": "later"}
    assert metrics.registry.get_sample_value("pymailcore_lmtp_refused_total", labels) == len(full)
    assert {to for envelope, *_ in delivery.accepted for to in envelope.recipients} == {B, C} - full
    assert all(b" with LMTP id c1.1" in octets for _, octets, *_ in delivery.accepted)


async def test_one_recipient_is_asked_for_once() -> None:
    """There is nobody to try it for again."""
    answer = (
        await role(PickyDelivery(full={B}))
        .begin(SESSION)
        .message(Envelope(reverse_path=None, recipients=(B,)), b"x\r\n", DIGEST)
    )
    assert isinstance(answer, Reply)
    assert answer.code == 452


async def test_a_recipient_with_two_names_has_two_answers() -> None:
    """RFC 5321 section 4.5.1: postmaster at the host's own name is the one of the first domain."""
    delivery = PickyDelivery(full={Address("postmaster", "host.example")})
    conversation = role(delivery).begin(SESSION)
    mail = events.Mail(None)
    own = Address("postmaster", "mx.example")
    recipients = (own, Address("postmaster", "host.example"), B)
    for recipient in recipients:
        assert await conversation.recipient(mail, events.Recipient(recipient)) is None
    answers = await conversation.message(Envelope(reverse_path=None, recipients=recipients), b"x\r\n", DIGEST)
    assert answers is not None
    assert not isinstance(answers, Reply)
    assert [answer.code for answer in answers] == [452, 452, 250]


async def test_what_was_said_of_each_recipient_goes_with_him() -> None:
    """RFC 3461 section 5.2: also where each has a store operation of his own."""
    delivery = PickyDelivery(full={B})
    said = ReportTerms(notify=frozenset({"SUCCESS"}), orcpt="rfc822;c@first.example")
    terms = Terms(ret="HDRS", envid="QQ314")
    envelope = replace(ENVELOPE, terms=terms, report_terms={C: said})
    await role(delivery).begin(SESSION).message(envelope, b"x\r\n", DIGEST)
    ((taken, *_),) = delivery.accepted
    assert (taken.recipients, taken.terms, taken.reports(C)) == ((C,), terms, said)
