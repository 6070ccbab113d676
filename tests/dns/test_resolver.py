"""resolver: outcomes, cache and shared questions, against a server on loopback."""

import pytest
import trio
import trio.testing
from tests.support import dns_zone
from tests.support.dns_zone import serving

from pymailcore.base.errors import NotFound, TemporaryFailure
from pymailcore.dns.resolver import Exchange, Resolver
from pymailcore.mailauth.questions import Answer, Question

ZONE: dns_zone.Zone = {
    ("two.example", "MX"): ["20 b.two.example.", "10 A.two.example."],
    ("a.two.example", "A"): ["192.0.2.1"],
    ("a.two.example", "AAAA"): ["2001:db8::1"],
    ("only4.example", "A"): ["192.0.2.4"],
    ("null.example", "MX"): ["0 ."],
    ("odd.example", "MX"): ["0 .", "10 a.two.example."],
    ("even.example", "MX"): ["10 a.two.example.", "20 ."],
    ("1.2.0.192.in-addr.arpa", "PTR"): ["A.Two.example.", "b.two.example."],
    ("texts.example", "TXT"): ['"v=spf1 " "-all"', '"other"'],
    ("half.example", "A"): ["192.0.2.5"],
    ("half.example", "AAAA"): dns_zone.SERVFAIL,
    ("ill.example", "A"): dns_zone.SERVFAIL,
    ("big.example", "MX"): dns_zone.TRUNCATED,
    ("alias.example", "CNAME"): ["two.example."],
    **{
        (f"{n}.example", "MX"): how
        for n, how in enumerate(
            [dns_zone.SERVFAIL, dns_zone.REFUSED, dns_zone.SILENT, dns_zone.WRONG_ID, dns_zone.GARBAGE]
        )
    },
}


SHORT = {"timeout_seconds": 0.05, "lifetime_seconds": 0.1}


async def test_exchanges_come_by_preference_in_lower_case() -> None:
    """RFC 5321 section 5.1."""
    async with serving(ZONE) as server:
        resolver = Resolver(server.settings())
        assert await resolver.mail_exchanges("two.example") == (
            Exchange(10, "a.two.example"),
            Exchange(20, "b.two.example"),
        )


async def test_a_name_without_exchanges_is_its_own() -> None:
    """RFC 5321 section 5.1: implicit MX."""
    async with serving(ZONE) as server:
        assert await Resolver(server.settings()).mail_exchanges("only4.example") == (
            Exchange(0, "only4.example"),
        )


async def test_null_mx_is_no_exchange_at_all() -> None:
    """RFC 7505 section 3; beside other records it means nothing."""
    async with serving(ZONE) as server:
        resolver = Resolver(server.settings())
        assert await resolver.mail_exchanges("null.example") == ()
        assert await resolver.mail_exchanges("odd.example") == (Exchange(10, "a.two.example"),)
        assert await resolver.mail_exchanges("even.example") == (Exchange(10, "a.two.example"),)


@pytest.mark.parametrize("name", ["absent.example", "x" * 64 + ".example", "a..example"])
async def test_what_does_not_exist_is_not_found(name: str) -> None:
    async with serving(ZONE) as server:
        with pytest.raises(NotFound):
            await Resolver(server.settings()).mail_exchanges(name)


@pytest.mark.parametrize("number", range(5))
async def test_trouble_is_temporary_and_never_not_found(number: int) -> None:
    """RFC 5321 section 5.1: a failure that may pass must not make the message fail."""
    async with serving(ZONE) as server:
        with pytest.raises(TemporaryFailure):
            await Resolver(server.settings(**SHORT)).mail_exchanges(f"{number}.example")


async def test_nobody_listening_is_temporary() -> None:
    async with serving(ZONE) as server:
        settings = server.settings(**SHORT)
    with pytest.raises(TemporaryFailure):
        await Resolver(settings).mail_exchanges("two.example")


async def test_a_truncated_answer_is_asked_for_again_by_tcp() -> None:
    """RFC 7766 section 5."""
    async with serving(ZONE) as server:
        exchanges = await Resolver(server.settings()).mail_exchanges("big.example")
        assert exchanges == (Exchange(10, "big.example"),)


async def test_addresses_of_both_families() -> None:
    async with serving(ZONE) as server:
        resolver = Resolver(server.settings())
        assert await resolver.addresses("a.two.example") == ("2001:db8::1", "192.0.2.1")
        assert await resolver.addresses("only4.example") == ("192.0.2.4",)
        assert await resolver.addresses("half.example") == ("192.0.2.5",)
        with pytest.raises(NotFound):
            await resolver.addresses("two.example")
        with pytest.raises(NotFound):
            await resolver.addresses("absent.example")
        with pytest.raises(TemporaryFailure):
            await resolver.addresses("ill.example")


async def test_texts_are_joined() -> None:
    """RFC 7208 section 3.3."""
    async with serving(ZONE) as server:
        texts = await Resolver(server.settings()).texts("texts.example")
        assert sorted(texts) == [b"other", b"v=spf1 -all"]


async def test_an_answer_is_kept_for_its_ttl() -> None:
    """RFC 1035 section 7.4."""
    now = 0.0
    async with serving(ZONE, ttl=60) as server:
        resolver = Resolver(server.settings(), lambda: now)
        for _ in range(3):
            await resolver.mail_exchanges("TWO.example")
        now = 59.9
        await resolver.mail_exchanges("two.example.")
        assert server.asked["two.example", "MX"] == 1
        now = 60.0
        await resolver.mail_exchanges("two.example")
        assert server.asked["two.example", "MX"] == 2


async def test_a_ttl_is_bounded() -> None:
    now = 0.0
    async with serving(ZONE, ttl=100_000) as server:
        resolver = Resolver(server.settings(), lambda: now)
        await resolver.mail_exchanges("two.example")
        now = 3_600.0
        await resolver.mail_exchanges("two.example")
        assert server.asked["two.example", "MX"] == 2


@pytest.mark.parametrize(("ttl", "kept"), [(60, 60.0), (100_000, 300.0)])
async def test_absence_is_kept_as_its_soa_says(ttl: int, kept: float) -> None:
    """RFC 2308 section 5."""
    now = 0.0
    async with serving(ZONE, ttl=ttl) as server:
        resolver = Resolver(server.settings(), lambda: now)
        for now, asked in ((0.0, 1), (kept - 0.1, 1), (kept, 2)):  # noqa: B007 - the clock
            with pytest.raises(NotFound):
                await resolver.mail_exchanges("absent.example")
            assert server.asked["absent.example", "MX"] == asked


async def test_a_failure_is_not_asked_for_again_at_once() -> None:
    now = 0.0
    async with serving(ZONE) as server:
        resolver = Resolver(server.settings(**SHORT), lambda: now)
        for now in (0.0, 4.9):  # noqa: B007 - the clock
            with pytest.raises(TemporaryFailure):
                await resolver.mail_exchanges("0.example")
        asked = server.asked["0.example", "MX"]
        now = 5.0
        with pytest.raises(TemporaryFailure):
            await resolver.mail_exchanges("0.example")
        assert server.asked["0.example", "MX"] > asked


async def test_equal_questions_go_out_once_and_survive_who_asked_first() -> None:
    async with serving(ZONE, ttl=0) as server:
        server.release = trio.Event()
        resolver = Resolver(server.settings())
        answers: list[object] = []

        async def ask(scope: trio.CancelScope) -> None:
            with scope:
                answers.append(await resolver.mail_exchanges("two.example"))

        first = trio.CancelScope()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, first)
            while not server.asked:
                await trio.lowlevel.checkpoint()
            for _ in range(5):
                nursery.start_soon(ask, trio.CancelScope())
            await trio.testing.wait_all_tasks_blocked()
            first.cancel()
            while server.asked["two.example", "MX"] < 2:
                await trio.lowlevel.checkpoint()
            server.release.set()
        assert len(answers) == 5
        assert server.asked["two.example", "MX"] == 2


async def test_names_of_an_address() -> None:
    """RFC 1035 section 3.5, RFC 3596 section 2.5."""
    async with serving(ZONE) as server:
        resolver = Resolver(server.settings())
        assert set(await resolver.names("192.0.2.1")) == {"a.two.example", "b.two.example"}
        for address in ("192.0.2.2", "2001:db8::1"):
            with pytest.raises(NotFound):
                await resolver.names(address)


async def test_what_decisions_ask_is_answered_without_raising() -> None:
    """Without a host in place of MX records that are not there (RFC 7208 section 5.4)."""
    expected = {
        Question("two.example", "MX"): Answer(hosts=("a.two.example", "b.two.example")),
        Question("only4.example", "MX"): Answer(),
        Question("only4.example", "AAAA"): Answer(),
        Question("null.example", "MX"): Answer(hosts=(".",)),
        Question("A.two.example", "A"): Answer(hosts=("192.0.2.1",)),
        Question("a.two.example", "AAAA"): Answer(hosts=("2001:db8::1",)),
        Question("1.2.0.192.in-addr.arpa", "PTR"): Answer(hosts=("a.two.example", "b.two.example")),
        Question("absent.example", "TXT"): Answer(exists=False),
        Question("x" * 64 + ".example", "TXT"): Answer(exists=False),
        Question("a..example", "TXT"): Answer(exists=False),
        Question("ill.example", "A"): Answer(failed=True),
        Question("texts.example", "TXT"): Answer(texts=(b"other", b"v=spf1 -all")),
    }
    async with serving(ZONE) as server:
        resolver = Resolver(server.settings())
        for question, answer in expected.items():
            assert resolver.known(question) is None
            for found in (await resolver.answer(question), resolver.known(question)):
                assert found is not None
                found = found._replace(texts=tuple(sorted(found.texts)))
                if question.kind == "PTR":
                    found = found._replace(hosts=tuple(sorted(found.hosts)))
                assert found == answer
