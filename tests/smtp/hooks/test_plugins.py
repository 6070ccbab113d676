"""Asking plug-ins: which, in which order, for how long, and what becomes of their faults."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import trio
import trio.testing
from tests.support.hooks import hooked
from tests.support.smtp import FakeRole

from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.metrics import Metrics
from pymailcore.smtp.hooks import AddField, Client, Message, Refuse, Tag, hook
from pymailcore.smtp.hooks.plugins import THREADS_COUNT, BadPlugin, OnFault, Plugin, Plugins, Verdict

CLIENT = Client(connection="c1", listener="smtp", address="192.0.2.1")


@dataclass(eq=False)
class Plain:
    """A plain function, which says what it is told to."""

    say: Callable[[], object]

    @hook
    def connect(self) -> object:
        return self.say()


@dataclass(eq=False)
class InLoop:
    """A coroutine function that does the same."""

    say: Callable[[], object]

    @hook
    async def connect(self) -> object:
        await trio.lowlevel.checkpoint()
        return self.say()


def fail() -> object:
    raise ZeroDivisionError


async def ask(*made: object, on_fault: OnFault = "continue", metrics: Metrics | None = None) -> Verdict:
    role = hooked(FakeRole(), *made, on_fault=on_fault, metrics=metrics)
    calls = role.plugins.at("smtp")["connect"]
    return await role.plugins.ask(calls, "connect", set(), get_logger(), {"client": CLIENT})


def counted(metrics: Metrics, outcome: str) -> float | None:
    labels = {"plugin": "p0", "hook": "connect", "outcome": outcome}
    return metrics.registry.get_sample_value("pymailcore_plugin_answers_total", labels)


@pytest.mark.parametrize("kind", [Plain, InLoop])
async def test_answers_of_all_come_together_until_one_refuses(kind: type[Plain | InLoop]) -> None:
    asked: list[int] = []

    def third() -> None:
        asked.append(3)

    first, second = [Tag("a.b"), AddField("X-A", "1")], Refuse("no", "5.7.7")
    verdict = await ask(kind(lambda: first), kind(lambda: second), kind(third))
    assert verdict.reply is not None
    assert verdict.reply.encode() == b"554 5.7.7 no\r\n"
    assert (verdict.tags, verdict.fields, asked) == (["a.b"], [b"X-A: 1\r\n"], [])


async def test_plain_functions_run_in_threads_and_coroutines_in_the_loop() -> None:
    threads: list[int] = []

    def note() -> None:
        threads.append(threading.get_ident())

    await ask(Plain(note), InLoop(note))
    assert threads[0] != threading.get_ident()
    assert threads[1] == threading.get_ident()


@pytest.mark.parametrize(("on_fault", "code"), [("continue", None), ("put-off", 421)])
@pytest.mark.parametrize("kind", [Plain, InLoop])
@pytest.mark.parametrize("say", [fail, lambda: "yes", lambda: [None], lambda: Refuse("x", "2.0.0")])
async def test_a_fault_is_counted_and_means_what_the_operator_says(
    kind: type[Plain | InLoop], say: Callable[[], object], on_fault: OnFault, code: int | None
) -> None:
    metrics = Metrics()
    verdict = await ask(kind(say), on_fault=on_fault, metrics=metrics)
    assert (None if verdict.reply is None else verdict.reply.code) == code
    assert counted(metrics, "fault") == 1


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """Holds threads until the test is over."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize(("on_fault", "code"), [("continue", None), ("put-off", 421)])
async def test_who_takes_too_long_is_not_waited_for(
    on_fault: OnFault, code: int | None, held: threading.Event, autojump_clock: trio.testing.MockClock
) -> None:
    class Sleeper:
        @hook
        async def connect(self) -> None:
            await trio.sleep_forever()

    for made in (Sleeper(), Plain(held.wait)):
        metrics = Metrics()
        began = trio.current_time()
        verdict = await ask(made, on_fault=on_fault, metrics=metrics)
        assert (None if verdict.reply is None else verdict.reply.code) == code
        assert trio.current_time() - began == pytest.approx(1.0)
        assert counted(metrics, "timeout") == 1


async def test_a_plug_in_that_hangs_takes_its_own_threads_only(
    held: threading.Event, autojump_clock: trio.testing.MockClock
) -> None:
    begun: list[int] = []

    def hang() -> None:
        begun.append(threading.get_ident())
        held.wait()

    role = hooked(FakeRole(), Plain(hang))
    calls = role.plugins.at("smtp")["connect"]
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(role.plugins.ask, calls, "connect", set(), get_logger(), {"client": CLIENT})
    assert len(begun) <= THREADS_COUNT
    assert (await ask(InLoop(lambda: Refuse("still here")))).reply is not None


def test_order_is_that_of_the_configuration_unless_a_plug_in_says_first_or_last() -> None:
    class First:
        @hook(tryfirst=True)
        def connect(self) -> None:
            pass

    class Last:
        @hook(trylast=True)
        def connect(self) -> None:
            pass

    made = [Last(), Plain(fail), Plain(fail), First()]
    plugins = [Plugin(name=str(number), implementation=one) for number, one in enumerate(made)]
    calls = Plugins(plugins, Metrics()).at("smtp")["connect"]
    assert [call.plugin.name for call in calls] == ["3", "1", "2", "0"]


class Misspelt:
    @hook
    def messages(self, message: Message) -> None:
        pass


class AsksTooMuch:
    @hook
    def connect(self, envelope: object) -> None:
        pass


class Wraps:
    @hook(wrapper=True)
    def connect(self) -> Iterator[None]:
        yield


class Nothing:
    def connect(self) -> None:
        pass


@pytest.mark.parametrize("kind", [Misspelt, AsksTooMuch, Wraps, Nothing])
def test_what_cannot_be_a_plug_in_is_refused_by_name(kind: type[object]) -> None:
    with pytest.raises(BadPlugin, match="odd: "):
        Plugins([Plugin(name="odd", implementation=kind())], Metrics())


def test_who_spares_trusted_peers_is_not_asked_about_them() -> None:
    both = [Plain(fail), InLoop(fail)]
    plugins = [
        Plugin(name=f"p{number}", implementation=one, spares_trusted=not number)
        for number, one in enumerate(both)
    ]
    made = Plugins(plugins, Metrics())
    assert [call.plugin.name for call in made.at("smtp")["connect"]] == ["p0", "p1"]
    assert [call.plugin.name for call in made.at("smtp", trusted=True)["connect"]] == ["p1"]
    assert Plugins(plugins[:1], Metrics()).at("smtp", trusted=True) == {}


def test_nothing_is_called_where_nobody_waits() -> None:
    plugins = Plugins([Plugin(name="a", implementation=Plain(fail))], Metrics())
    assert plugins.at("smtp").keys() == {"connect"}
    assert plugins.at("lmtp") == {}
