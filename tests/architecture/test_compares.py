"""Secrets are compared in equal time (A4)."""

import ast
import re
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "pymailcore"
PACKAGES = ("directory", "sasl", "web", "admin")
SECRET = re.compile(
    r"(^|_)(digest|verifier|stored_key|server_key|signature|proof|password|token|checksum|code)$"
)
"""How variables are called that hold what nobody may guess step by step."""


def compared(text: str) -> list[int]:
    """Lines on which == or != looks at such a thing."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Compare)
        and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
        and any(_is_secret(side) for side in (node.left, *node.comparators))
        and not any(isinstance(side, ast.Constant) for side in (node.left, *node.comparators))
    ]


def _is_secret(side: ast.expr) -> bool:
    """Whether an operand is such a variable, attribute, or what a function so named gives."""
    if isinstance(side, ast.Call):
        side = side.func
    name = side.id if isinstance(side, ast.Name) else side.attr if isinstance(side, ast.Attribute) else ""
    return SECRET.search(name) is not None or name in {"hexdigest", "digest_of"}


def test_no_secret_is_compared_with_an_operator() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{line}"
        for package in PACKAGES
        for path in sorted((SOURCE / package).rglob("*.py"))
        for line in compared(path.read_text("utf-8"))
    ]
    assert not found


def test_the_look_finds_what_it_looks_for() -> None:
    assert compared("a.digest == b\nx != digest_of(y)\nstored_key == 1\ncount == 2\n") == [1, 2]
