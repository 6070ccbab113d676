"""Asks plug-ins: in order, each within its time, and whatever one of them does.

Theory of operation. What is to be called at which hook is found out once, when plug-ins are loaded (`pluggy`
checks names and arguments and gives the order); where nobody waits at a hook nothing is done there. A plain
function is run in a thread, of which each plug-in has four: one that hangs takes its own threads only. The
thread of a call whose time is up is left to end by itself. A coroutine function is run in the loop under a
cancel scope. A fault, a wrong answer and a call whose time is up are the same: logged, counted, and then the
plug-in is taken to have said nothing, or that the client is to come again, as the operator has set.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, cast

import pluggy
import trio

from pymailcore.runtime.logs import Logger
from pymailcore.runtime.metrics import Metrics
from pymailcore.smtp.hooks.answers import AddField, Answer, Answers, Disconnect, PutOff, Refuse, Tag
from pymailcore.smtp.hooks.spec import NAMES, PROJECT, Hooks
from pymailcore.smtp.protocol.reply import Reply

THREADS_COUNT: Final = 4
"""Threads that one plug-in may have in one process."""

OnFault = Literal["continue", "put-off"]
FAULTY: Final = PutOff("Not now, come again later", "4.3.0")
_OUTCOMES: Final[Mapping[type[Answer], str]] = MappingProxyType(
    {Refuse: "refused", PutOff: "put-off", Disconnect: "disconnected", AddField: "field", Tag: "tag"}
)
# RFC 5321 section 3.1: a greeting that refuses is 554; RFC 4954 section 6 for AUTH.
_CODES: Final[Mapping[tuple[str, int], int]] = MappingProxyType(
    {("connect", 550): 554, ("connect", 451): 421, ("auth", 550): 535, ("auth", 451): 454, ("data", 550): 554}
)


class BadPlugin(Exception):
    """An object that cannot be a plug-in; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One plug-in that is loaded.

    Attributes:
        name: as in the configuration.
        implementation: has the hooks.
        listeners: where it is asked.
        on_fault: what holds when it cannot answer.
        timeout_seconds: of one call.
        spares_trusted: it has nothing to say about peers in trusted networks, and is not asked about them.
    """

    name: str
    implementation: object
    listeners: frozenset[str] = frozenset({"smtp"})
    on_fault: OnFault = "continue"
    timeout_seconds: float = 5.0
    spares_trusted: bool = False


class _Call(NamedTuple):
    """One hook of one plug-in."""

    plugin: Plugin
    function: Callable[..., object]
    arguments: tuple[str, ...]
    in_loop: bool
    threads: trio.CapacityLimiter


Calls = tuple[_Call, ...]


@dataclass(slots=True)
class Verdict:
    """What all plug-ins of one hook have said together.

    Attributes:
        reply: the first refusal; nobody is asked after it.
        fields: header fields, as octets.
        tags: names.
    """

    reply: Reply | None = None
    fields: list[bytes] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)


NOTHING: Final = Verdict()


class Plugins:
    """The plug-ins of one process.

    Args:
        plugins: in the order in which they are asked, unless they say `tryfirst` or `trylast`.

    Raises:
        BadPlugin: one has a hook that there is not, or wants what no hook gives.
    """

    def __init__(self, plugins: Iterable[Plugin], metrics: Metrics) -> None:
        self.plugins = tuple(plugins)
        self._metrics = metrics
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(Hooks)
        by_object: dict[int, tuple[Plugin, trio.CapacityLimiter]] = {}
        for plugin in reversed(self.plugins):  # pluggy asks last who came first
            by_object[id(plugin.implementation)] = plugin, trio.CapacityLimiter(THREADS_COUNT)
            try:
                manager.register(plugin.implementation, plugin.name)
                manager.check_pending()
            except (pluggy.PluginValidationError, ValueError) as fault:
                raise BadPlugin(f"{plugin.name}: {fault}") from None
            if not manager.get_hookcallers(plugin.implementation):
                raise BadPlugin(f"{plugin.name}: it has no hook; hooks are marked with @hook")
        self._calls = {name: _calls(manager, name, by_object) for name in NAMES}

    def hooks_of(self, plugin: Plugin) -> list[str]:
        """The names of the hooks that a plug-in has."""
        return [name for name, calls in self._calls.items() if any(call.plugin is plugin for call in calls)]

    def at(self, listener: str, *, trusted: bool = False) -> Mapping[str, Calls]:
        """What is called at each hook for connections of a listener; no entry where nothing is."""
        asked = [
            plugin
            for plugin in self.plugins
            if listener in plugin.listeners and not (trusted and plugin.spares_trusted)
        ]
        some = {
            name: tuple([call for call in calls if call.plugin in asked])
            for name, calls in self._calls.items()
        }
        return {name: calls for name, calls in some.items() if calls}

    async def ask(
        self, calls: Calls, hook: str, tags: set[str], log: Logger, facts: Mapping[str, object]
    ) -> Verdict:
        """Call one after the other until one refuses.

        Args:
            tags: get what the plug-ins say, so that the next one sees it.
        """
        verdict = Verdict()
        for call in calls:
            for answer in await self._call(call, hook, log, facts):
                outcome = _OUTCOMES[type(answer)]
                self._metrics.plugin_answers.labels(call.plugin.name, hook, outcome).inc()
                if isinstance(answer, AddField):
                    verdict.fields.append(answer.octets)
                elif isinstance(answer, Tag):
                    if answer.name not in tags:
                        verdict.tags.append(answer.name)
                    tags.add(answer.name)
                else:
                    verdict.reply = _reply(hook, answer.reply)
                    log.info(
                        "a plug-in refuses", plugin=call.plugin.name, hook=hook, reply=str(verdict.reply)
                    )
                    return verdict
        return verdict

    async def _call(
        self, call: _Call, hook: str, log: Logger, facts: Mapping[str, object]
    ) -> Sequence[Answer]:
        """Call one, and give what it says or what is said in its place."""
        plugin = call.plugin
        function = partial(call.function, *[facts[name] for name in call.arguments])
        outcome = "timeout"
        try:
            with trio.move_on_after(plugin.timeout_seconds):
                if call.in_loop:
                    answers = await cast("Callable[[], Awaitable[object]]", function)()
                else:
                    answers = await trio.to_thread.run_sync(
                        function, abandon_on_cancel=True, limiter=call.threads
                    )
                return _checked(answers)
            log.warning("a plug-in takes too long", plugin=plugin.name, hook=hook)
        except Exception:
            outcome = "fault"
            log.exception("a plug-in has a fault", plugin=plugin.name, hook=hook)
        self._metrics.plugin_answers.labels(plugin.name, hook, outcome).inc()
        return (FAULTY,) if plugin.on_fault == "put-off" else ()


def _calls(
    manager: pluggy.PluginManager, name: str, by_object: Mapping[int, tuple[Plugin, trio.CapacityLimiter]]
) -> Calls:
    found = []
    for implementation in reversed(getattr(manager.hook, name).get_hookimpls()):
        plugin, threads = by_object[id(implementation.plugin)]
        if implementation.hookwrapper or implementation.wrapper:
            raise BadPlugin(f"{plugin.name}: {name} cannot be a wrapper")
        function = implementation.function
        arguments = (*implementation.argnames, *implementation.kwargnames)
        found.append(_Call(plugin, function, arguments, inspect.iscoroutinefunction(function), threads))
    return tuple(found)


def _checked(answers: object) -> Sequence[Answer]:
    """Give what a hook has returned as answers.

    Raises:
        TypeError: it is something else.
    """
    if answers is None:
        return ()
    if type(answers) in _OUTCOMES:
        return (cast(Answer, answers),)
    if not isinstance(answers, list | tuple) or any(type(answer) not in _OUTCOMES for answer in answers):
        raise TypeError(f"a hook cannot return {answers!r}")
    return answers


def _reply(hook: str, reply: Reply) -> Reply:
    """Give a refusal the code that it has at a hook."""
    code = _CODES.get((hook, reply.code))
    return reply if code is None else Reply(code, reply.enhanced, reply.text)


__all__ = ["NOTHING", "Answers", "BadPlugin", "Calls", "OnFault", "Plugin", "Plugins", "Verdict"]
