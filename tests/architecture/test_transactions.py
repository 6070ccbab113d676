"""Operations may run twice (DESIGN 4.1): ids and times come from outside, no clock and no chance inside."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

SOURCE: Final = Path(__file__).parents[2] / "src"
PACKAGE: Final = "pymailcore"

MODULES: Final = frozenset({"time", "random", "secrets", "uuid"})
"""Every function of theirs is a clock or chance."""

NAMES: Final = frozenset(
    {
        "now_ms",
        "_now_ms",
        "new_id",
        "urandom",
        "getrandom",
        "now",
        "utcnow",
        "today",
        "randbits",
        "getrandbits",
    }
    | {"current_time", "token_bytes", "token_hex", "perf_counter", "monotonic", "time_ns"}
)
"""Functions that are a clock or chance by whatever object they are reached, as ours are: `house.now_ms()`."""

MINTS: Final = frozenset({"ids", "_ids"})
"""Objects whose `new` mints an id."""

ALLOWED: Final = {
    (
        "pymailcore.store.housekeeping.house",
        "timed",
    ): "measures how long the lock is held; writes nothing of it",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Module(NamedTuple):
    """One source file: its name, its tree, and what names of other modules mean in it."""

    name: str
    tree: ast.Module
    imported: dict[str, str]


def parsed(name: str, text: str) -> Module:
    tree = ast.parse(text)
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            imported |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            imported |= {alias.asname or alias.name: alias.name for alias in node.names}
    return Module(name, tree, imported)


@functools.cache
def modules() -> list[Module]:
    return [
        parsed(".".join(path.relative_to(SOURCE).with_suffix("").parts), path.read_text(encoding="utf-8"))
        for path in sorted((SOURCE / PACKAGE).rglob("*.py"))
    ]


def written(node: ast.expr) -> str:
    """The dotted name of what is called; what comes before a call or an index in it is "?"."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "?")
    return ".".join(reversed(parts))


def called(module: Module, node: ast.AST) -> Iterator[tuple[int, str, str]]:
    """What is called below a node: line, the way to it, and the full name as imports have it."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            text = written(call.func)
            head, _, rest = text.partition(".")
            known = module.imported.get(head, f"{module.name}.{head}")
            yield call.lineno, text, f"{known}.{rest}" if rest else known


def is_outside(text: str, full: str, further: frozenset[str]) -> bool:
    *way, last = text.split(".")
    if last in NAMES or full in further or full.split(".")[0] in MODULES:
        return True
    return last == "new" and bool(way) and way[-1] in MINTS


def reaching(read: list[Module]) -> frozenset[str]:
    """Plain functions of ours that reach a clock or chance by themselves, however deep."""
    plain = {
        f"{module.name}.{node.name}": [(text, full) for _, text, full in called(module, node)]
        for module in read
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    found: frozenset[str] = frozenset()
    while True:
        more = {name for name, calls in plain.items() if any(is_outside(*call, found) for call in calls)}
        if more == found:
            return found
        found = frozenset(more)


def operations(module: Module) -> Iterator[tuple[str, Function]]:
    for node in ast.walk(module.tree):
        if isinstance(node, Function):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            if any(argument.arg == "tx" for argument in arguments):
                yield getattr(node, "name", "lambda"), node


def faults(read: list[Module]) -> list[str]:
    further = reaching(read)
    return [
        f"{module.name}:{line}: {name} calls {text}"
        for module in read
        for name, node in operations(module)
        if (module.name, name) not in ALLOWED
        for line, text, full in called(module, node)
        if is_outside(text, full, further)
    ]


def test_no_operation_asks_a_clock_or_chance() -> None:
    assert faults(modules()) == []


def test_what_is_allowed_is_there() -> None:
    there = {(module.name, name) for module in modules() for name, _ in operations(module)}
    assert there >= ALLOWED.keys()


@pytest.mark.parametrize(
    "body",
    [
        "time.time_ns()",
        "secrets.token_bytes(1)",
        "self.house.now_ms()",
        "engine.ids.new()",
        "new_id()",
        "key()",
    ],
)
def test_the_scan_finds(body: str) -> None:
    text = (
        "import time, secrets\n"
        "def key():\n    return token()\ndef token():\n    return secrets.token_bytes(2)\n"
        f"async def work(tx):\n    async def inner():\n        await tx.run('', {body})\n    await inner()\n"
    )
    assert len(faults([parsed("pymailcore.example", text)])) == 1


def test_the_scan_leaves_alone() -> None:
    text = "async def work(tx):\n    await tx.run('', now_ms, revision.now_ms, accounts.new)\n"
    assert faults([parsed("pymailcore.example", text)]) == []
