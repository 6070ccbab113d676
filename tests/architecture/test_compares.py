"""Secrets are compared in equal time (A4)."""

import ast
import re
from pathlib import Path
from types import MappingProxyType

SOURCE = Path(__file__).parents[2] / "src" / "pymailcore"
PACKAGES = (
    "admin", "app", "cli", "delivery", "directory", "imap", "jmap", "msa", "mx", "runtime", "sasl", "smtp",
    "web", "worker",
)  # fmt: skip
SECRET = re.compile(
    r"(^|_)(digest|verifier|stored_key|server_key|client_key|signature|proof|password|secret|shown|typed|token"
    r"|ticket|checksum|mac|nonce|code)s?$"
)
"""How variables are called that hold what nobody may guess step by step."""

PUBLIC = MappingProxyType(
    {
        "proof.secret == scram.PASSWORD": "the number of an app password",
        "one.id == proof.secret": "the number of an app password",
        "key.secret == scram.PASSWORD": "the number of an app password",
        "key.secret != PASSWORD": "the number of an app password",
        "sha256(octets).hexdigest() != self.digest": "a hash of what the peer sent itself",
        "one['id'] == secret": "the number of an app password, in an address of a page",
    }
)
"""Comparisons of what is only called like a secret, and what it is."""


def compared(text: str) -> list[tuple[int, str]]:
    """Lines on which ==, !=, `in` or `not in` looks at such a thing, and how."""
    return [
        (node.lineno, ast.unparse(node))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Compare)
        and any(isinstance(operator, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for operator in node.ops)
        and any(_is_secret(side) for side in (node.left, *node.comparators))
        and not any(isinstance(side, ast.Constant) for side in (node.left, *node.comparators))
    ]


def _is_secret(side: ast.expr) -> bool:
    """Whether an operand is such a variable, attribute, item, or what a function so named gives."""
    if isinstance(side, ast.Call):
        side = side.func
    if isinstance(side, ast.Subscript):
        item = side.slice
        if isinstance(item, ast.Constant) and isinstance(item.value, str):
            return SECRET.search(item.value) is not None
        side = side.value
    name = side.id if isinstance(side, ast.Name) else side.attr if isinstance(side, ast.Attribute) else ""
    return SECRET.search(name) is not None or name in {"hexdigest", "digest_of"}


def all_compared() -> list[tuple[str, str]]:
    return [
        (f"{path.relative_to(SOURCE)}:{line}", comparison)
        for package in PACKAGES
        for path in sorted((SOURCE / package).rglob("*.py"))
        for line, comparison in compared(path.read_text("utf-8"))
    ]


def test_no_secret_is_compared_with_an_operator() -> None:
    found = all_compared()
    assert [one for one in found if one[1] not in PUBLIC] == []
    assert {comparison for _, comparison in found} == set(PUBLIC)


def test_the_look_finds_what_it_looks_for() -> None:
    text = "a.digest == b\nx != digest_of(y)\nstored_key == 1\ncount == 2\ncode in kept\nrow['token'] == t\n"
    text += "typed not in codes\nshown[:16] == last\n"
    assert [line for line, _ in compared(text)] == [1, 2, 5, 6, 7, 8]
