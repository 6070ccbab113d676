"""docs/develop/threats.md is whole: each threat has tests, and each test that it names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "develop" / "threats.md"
LAST = {"S": 19, "A": 9, "T": 9}
EXPECTED = {f"{kind}{number}" for kind, last in LAST.items() for number in range(1, last + 1)}
ROW = re.compile(r"(?m)^\| ([SAT]\d+) \|.*\|$")
TEST = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`")


def rows() -> dict[str, list[tuple[str, str]]]:
    """The tests that each row names."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in ROW.finditer(PAGE.read_text("utf-8")):
        assert row[1] not in found, f"{row[1]} has two rows"
        found[row[1]] = TEST.findall(row[0])
    return found


def test_each_threat_has_a_row_with_tests() -> None:
    found = rows()
    assert set(found) >= EXPECTED
    assert [name for name, tests in found.items() if not tests] == []


def test_each_test_that_is_named_is_there() -> None:
    missing = [
        f"{name}: {path}::{test}"
        for name, tests in rows().items()
        for path, test in tests
        if not (ROOT / path).exists()
        or not re.search(rf"(?m)^(async )?def {test}\(", (ROOT / path).read_text("utf-8"))
    ]
    assert not missing


def test_the_look_finds_what_it_looks_for() -> None:
    """A page of rows that nobody reads would be whole as well."""
    assert sum(len(tests) for tests in rows().values()) > 90
