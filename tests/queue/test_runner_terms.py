"""runner over the real store and real sockets: what senders asked for, from acceptance to the last report."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio
from tests.support.deliveries import envelope
from tests.support.directories import address
from tests.support.office import Office, office, route_to, running
from tests.support.party_spy import parties_of
from tests.support.smtp_sink import Sink, sinking
from tests.support.stores import EnginePlace

from pymailcore.base.envelope import DeliverBy, Envelope, ReportTerms, Terms
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.message.parse import parse
from pymailcore.message.structure import walk
from pymailcore.message.text import decode_body
from pymailcore.queue.settings import QueueSettings
from pymailcore.runtime.clock import now_ms

TO = "x@b.example"
MAIL = Terms(ret="HDRS", envid="QQ314")


def asking(*notify: str, to: str = TO, terms: Terms = MAIL) -> Envelope:
    said = ReportTerms(notify=frozenset(notify), orcpt=f"rfc822;old-{to}")
    return replace(envelope(to), terms=terms, report_terms={address(to): said})


async def report_of(it: Office) -> bytes:
    """Wait until the queue is empty; give the one report that ann has got."""
    await it.until(0)
    (report,) = [octets for octets in await it.inbox() if b"multipart/report" in octets]
    assert report.startswith(b"Return-Path: <>\r\n")
    return report


async def test_a_host_that_makes_reports_gets_what_was_asked_for(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """RFC 3461 section 5.2.1: then we make none."""
    sink = Sink(extensions=["PIPELINING", "DSN"])
    async with sinking(sink), office(tmp_path, store_settings, route_to(sink)) as it, running(it):
        await it.accept(asking("SUCCESS", "FAILURE"))
        await it.until(0)
        assert await it.inbox() == []
    (taken,) = sink.taken
    assert taken.mail == "FROM:<ann@a.example> RET=HDRS ENVID=QQ314"
    assert taken.recipients == [f"TO:<{TO}> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;old-{TO}"]


async def test_for_a_host_that_makes_none_we_report_that_we_relayed(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """RFC 3461 section 5.2.2 (b)."""
    sink = Sink()
    async with sinking(sink), office(tmp_path, store_settings, route_to(sink)) as it, running(it):
        await it.accept(asking("SUCCESS"))
        report = await report_of(it)
    for line in (
        b"Original-Envelope-Id: QQ314",
        b"Original-Recipient: rfc822;old-x@b.example",
        b"Final-Recipient: rfc822; x@b.example",
        b"Action: relayed",
        b"Status: 2.1.9",
        b"Diagnostic-Code: smtp; 250 kept",
    ):
        assert line + b"\r\n" in report
    assert len(sink.taken) == 1


async def test_delivery_here_and_to_another_store_is_reported(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """RFC 3461 section 5.2.3."""
    sink = Sink(lmtp=True)
    async with (
        sinking(sink),
        office(tmp_path, store_settings, replace(route_to(sink), protocol="lmtp")) as it,
        running(it),
    ):
        both = replace(asking("SUCCESS"), recipients=(address(TO), address("ann@a.example")))
        said = both.report_terms[address(TO)]
        await it.accept(replace(both, report_terms=dict.fromkeys(both.recipients, said)))
        await it.until(0)
        reports = [octets for octets in await it.inbox() if b"multipart/report" in octets]
    assert b"".join(reports).count(b"Action: delivered\r\nStatus: 2.1.5\r\n") == 2


async def test_a_failure_comes_back_as_it_was_asked_for(tmp_path: Path, store_settings: EnginePlace) -> None:
    """RFC 3461 sections 4.3 and 5.2.6."""
    sink = Sink(extensions=["DSN"], replies={"RCPT": "550 5.1.1 no x"})
    async with sinking(sink), office(tmp_path, store_settings, route_to(sink)) as it, running(it):
        await it.accept(asking("NEVER"))
        await it.until(0)
        assert await it.inbox() == []
        await it.accept(asking("FAILURE"))
        report = await report_of(it)
    assert b"Action: failed\r\nStatus: 5.1.1\r\n" in report
    assert b"text/rfc822-headers" in report
    assert b"\r\n\r\ntext\r\n" not in report


async def test_a_delay_is_reported_once(tmp_path: Path, store_settings: EnginePlace) -> None:
    """RFC 3461 section 5.2.5."""
    sink = Sink(replies={"RCPT": "450 4.2.1 busy"})
    queue = QueueSettings(delay_report_hours=0.0)
    async with (
        sinking(sink),
        office(tmp_path, store_settings, route_to(sink), queue=queue) as it,
        running(it),
    ):
        await it.accept(asking("DELAY"))
        with trio.fail_after(10):
            while not await it.inbox():
                await trio.lowlevel.checkpoint()
        await it.queue.retry()
        with trio.fail_after(10):
            while (await it.until(1))[0].tries < 2:
                await trio.lowlevel.checkpoint()
        (report,) = await it.inbox()
    assert b"Action: delayed\r\nStatus: 4.2.1\r\n" in report
    assert b"Will-Retry-Until: " in report


async def test_required_tls_that_nobody_has_comes_back(tmp_path: Path, store_settings: EnginePlace) -> None:
    """RFC 8689 section 4.2.1."""
    sink = Sink()
    async with sinking(sink), office(tmp_path, store_settings, route_to(sink)) as it, running(it):
        await it.accept(asking(terms=Terms(require_tls=True)))
        report = await report_of(it)
    assert b"Status: 5.7.10\r\n" in report
    assert sink.taken == []


async def test_a_time_that_is_over_comes_back(tmp_path: Path, store_settings: EnginePlace) -> None:
    """RFC 2852 section 4."""
    sink = Sink()
    by = DeliverBy(at_ms=now_ms() - 1, give_up=True)
    async with sinking(sink), office(tmp_path, store_settings, route_to(sink)) as it, running(it):
        await it.accept(asking(terms=Terms(deliver_by=by)))
        report = await report_of(it)
    assert b"Status: 5.4.7\r\n" in report
    assert sink.taken == []


async def test_what_is_held_goes_when_it_is_released(tmp_path: Path, store_settings: EnginePlace) -> None:
    """RFC 4865 section 4: for recipients here and elsewhere."""
    sink = Sink()
    async with sinking(sink), office(tmp_path, store_settings, route_to(sink)) as it, running(it):
        release_ms = now_ms() + 700
        to = replace(envelope(TO, "ann@a.example"), terms=Terms(hold_until_ms=release_ms))
        await it.accept(to)
        assert [entry.next_try_ms for entry in await it.queue.entries()] == [release_ms] * 2
        assert await it.inbox() == []
        await it.until(0)
        assert now_ms() >= release_ms
        assert len(await it.inbox()) == len(sink.taken) == 1


async def test_eight_bits_arrive_with_the_same_contents_where_seven_are_taken(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """RFC 6152 section 3."""
    octets = (
        b"From: <ann@a.example>\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        b"sch\xc3\xb6ne Gr\xc3\xbc\xc3\x9fe an alle, die das hier lesen\r\n--b--\r\n"
    )
    sink = Sink(extensions=["PIPELINING"])
    async with sinking(sink), office(tmp_path, store_settings, route_to(sink)) as it, running(it):
        await it.send(TO, octets=octets)
        await it.until(0)
    (taken,) = sink.taken
    assert taken.octets.isascii()
    assert "BODY" not in taken.mail

    def contents(message: bytes) -> list[bytes]:
        return [decode_body(message, part) for part in walk(parse(message).root) if not part.children]

    assert contents(taken.octets) == contents(octets)


async def test_a_delivery_works_for_who_sent_the_mail(
    tmp_path: Path, store_settings: EnginePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T6 of the security notes: what it waits for is in the turn of the tenant, and of the account."""
    sink = Sink()
    async with sinking(sink), office(tmp_path, store_settings, route_to(sink)) as it:
        seen = parties_of(monkeypatch, it.queue, "finish")
        async with running(it):
            await it.accept(envelope(TO))
            await it.until(0)
    assert {party.tenant for party in seen} == {DEFAULT_TENANT}


async def test_a_store_that_makes_reports_gets_what_was_asked_for(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """RFC 3461 section 5.2.1 by LMTP: it has delivered, and it says so; we say nothing beside it."""
    sink = Sink(lmtp=True, extensions=["PIPELINING", "DSN"])
    async with (
        sinking(sink),
        office(tmp_path, store_settings, replace(route_to(sink), protocol="lmtp")) as it,
        running(it),
    ):
        await it.accept(asking("SUCCESS", "DELAY"))
        await it.until(0)
        assert await it.inbox() == []
    (taken,) = sink.taken
    assert taken.mail == "FROM:<ann@a.example> RET=HDRS ENVID=QQ314"
    assert taken.recipients == [f"TO:<{TO}> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;old-{TO}"]


async def test_reports_about_what_requires_tls_ask_for_it_where_they_can(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """RFC 8689 section 5: they say REQUIRETLS, and go even where it cannot be kept."""
    sink = Sink(extensions=["REQUIRETLS"])
    async with sinking(sink), office(tmp_path, store_settings, route_to(sink)) as it, running(it):
        await it.accept(replace(asking(terms=Terms(require_tls=True)), reverse_path=address("s@b.example")))
        await it.until(0)
    (report,) = sink.taken
    assert report.mail == "FROM:<> REQUIRETLS"
    assert b"Status: 5.7.10\r\n" in report.octets
    assert b"\r\n\r\ntext\r\n" not in report.octets
