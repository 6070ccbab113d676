"""runner over the real store and real sockets: from acceptance to a host that answers for the message."""

import socket
from pathlib import Path

import pytest
from tests.support.deliveries import MESSAGE
from tests.support.directories import address
from tests.support.dns_zone import Zone, serving
from tests.support.office import office, route_to, running
from tests.support.smtp_sink import Sink, sinking
from tests.support.stores import EnginePlace

from pymailcore.directory.actors import SYSTEM
from pymailcore.queue.settings import Route
from pymailcore.runtime.clock import now_ms

LARGE = MESSAGE + b"0123456789abcdef" * 4 + b"\r\n" + (b"x" * 76 + b"\r\n") * 2_000


@pytest.mark.parametrize("octets", [MESSAGE, LARGE, b"Subject: x\r\n\r\n.\r\n..\r\n", b"no header at all"])
async def test_a_message_is_relayed_whole(tmp_path: Path, store_settings: EnginePlace, octets: bytes) -> None:
    """RFC 5321 section 3.6.3."""
    async with sinking() as sink, office(tmp_path, store_settings, route_to(sink)) as it, running(it):
        await it.send("x@b.example", "y@b.example", octets=octets)
        await it.until(0)
        (taken,) = sink.taken
        assert taken.octets.removesuffix(b"\r\n") == octets.removesuffix(b"\r\n")
        assert taken.mail.startswith("FROM:<ann@a.example>")
        assert len(taken.recipients) == 2


async def test_local_and_remote_recipients_share_an_acceptance(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """RFC 5321 section 4.4: Return-Path is for the mailbox here, not for the next host."""
    async with sinking() as sink, office(tmp_path, store_settings, route_to(sink)) as it, running(it):
        accepted = await it.send("x@b.example", "ann@a.example")
        assert (len(accepted.appended), accepted.remote) == (1, (address("x@b.example"),))
        await it.until(0)
        assert await it.inbox() == [b"Return-Path: <ann@a.example>\r\n" + MESSAGE]
        assert [taken.octets for taken in sink.taken] == [MESSAGE]


async def test_an_unreachable_host_leaves_it_queued_with_a_next_try_time(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """RFC 5321 section 4.5.4.1."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        route = Route(domain="b.example", host="127.0.0.1", port=closed.getsockname()[1])
        async with office(tmp_path, store_settings, route) as it, running(it):
            before = now_ms()
            await it.send("x@b.example")
            (entry,) = await it.until(1)
            assert entry.tries == 1
            assert before + 300_000 <= entry.next_try_ms <= now_ms() + 300_000
            assert "no connection" in entry.last_reply


async def test_a_refused_recipient_comes_back_as_a_report(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """RFC 3464; RFC 5321 section 6.1."""
    sink = Sink(replies={"RCPT": lambda argument: "550 5.1.1 no x" if "x@" in argument else None})
    async with sinking(sink), office(tmp_path, store_settings, route_to(sink)) as it, running(it):
        await it.send("x@b.example", "y@b.example", octets=LARGE)
        await it.until(0)
        (report,) = await it.inbox()
        assert report.startswith(b"Return-Path: <>\r\n")
        assert b"Final-Recipient: rfc822; x@b.example" in report
        assert b"Status: 5.1.1" in report
        assert b"y@b.example" not in report.partition(b"message/delivery-status")[2].partition(b"--")[0]
        assert len(sink.taken) == 1


async def test_what_waits_survives_a_restart_with_its_octets(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """RFC 5321 section 4.2.5: what was accepted is not lost because the process ends."""
    busy = Sink(replies={"greeting": "421 later"})
    async with sinking(busy), office(tmp_path, store_settings, route_to(busy)) as it:
        async with running(it):
            await it.send("x@b.example", octets=LARGE)
            await it.until(1)
        assert len(await it.queue.take(10)) == 0
        await it.queue.retry()
        assert len(await it.queue.take(10)) == 1  # and with this lease the process dies
    async with sinking() as sink, office(tmp_path, store_settings, route_to(sink)) as it, running(it):
        await it.until(0)
        assert [taken.octets for taken in sink.taken] == [LARGE]


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "end"])
async def test_a_host_that_says_later_is_asked_later(
    tmp_path: Path, store_settings: EnginePlace, stage: str
) -> None:
    sink = Sink(replies={stage: "450 4.2.1 later"})
    async with sinking(sink), office(tmp_path, store_settings, route_to(sink)) as it, running(it):
        await it.send("x@b.example")
        (entry,) = await it.until(1)
        assert entry.last_reply == "127.0.0.1: 450 4.2.1 later"
        sink.replies.clear()
        await it.queue.retry(message=entry.id)
        await it.until(0)
        assert len(sink.taken) == 1


async def test_a_lost_reply_sends_again_and_never_loses(tmp_path: Path, store_settings: EnginePlace) -> None:
    """RFC 5321 section 4.1.1.4: a message may come twice, but it comes."""
    sink = Sink(replies={"end": ""})
    async with sinking(sink), office(tmp_path, store_settings, route_to(sink)) as it, running(it):
        await it.send("x@b.example")
        (entry,) = await it.until(1)
        sink.replies.clear()
        await it.queue.retry(message=entry.id)
        await it.until(0)
        assert len(sink.taken) == 1


async def test_without_a_route_the_dns_decides(tmp_path: Path, store_settings: EnginePlace) -> None:
    """RFC 7505 section 4 and RFC 5321 section 5.1, with a name server of our own."""
    zone: Zone = {
        ("null.example", "MX"): ["0 ."],
        ("ours.example", "MX"): ["10 mx.a.example."],
        ("inside.example", "A"): ["127.0.0.1"],
    }
    async with (
        serving(zone) as server,
        office(tmp_path, store_settings, dns=server.settings()) as it,
        running(it),
    ):
        for domain in ("null.example", "ours.example", "inside.example", "absent.example"):
            await it.send(f"x@{domain}")
        await it.until(0)
        reports = b"".join(await it.inbox())
        for status in (b"5.1.10", b"5.4.6", b"5.1.2"):
            assert b"Status: " + status + b"\r\n" in reports


async def test_aliases_forward_through_the_queue(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with sinking() as sink, office(tmp_path, store_settings, route_to(sink)) as it, running(it):
        await it.directory.addresses.add(SYSTEM, address("far@a.example"), address("ann@b.example"))
        await it.send("far@a.example", reverse_path="s@c.example")
        await it.until(0)
        (taken,) = sink.taken
        assert taken.mail.startswith("FROM:<s@c.example>")
        assert taken.recipients[0].startswith("TO:<ann@b.example>")


async def test_fifty_messages_to_ten_domains_all_arrive_once(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    async with sinking() as sink:
        route = Route(domain="*", host="127.0.0.1", port=sink.port)
        async with office(tmp_path, store_settings, route) as it, running(it):
            for number in range(50):
                await it.send(f"x{number}@d{number % 10}.example")
            await it.until(0)
    recipients = sorted(text.split()[0] for taken in sink.taken for text in taken.recipients)
    assert recipients == sorted(f"TO:<x{number}@d{number % 10}.example>" for number in range(50))
    assert sink.connections < 50  # some were used again
