"""Citations of standards: well formed, in the table, and obeyed and tested where the table says yes."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CITATION = re.compile(r"RFC (\d{3,5})(?: sections? (\d+(?:\.\d+)*))?")
SLOPPY = re.compile(
    r"\bRFC[-_]?\d{3,5}\b|\b[Rr]fc[ -]\d{3,5}|\bRFC\s{2,}\d|\bRFC \d{3,5},? (?:sec\.|Sec\.|§|Section )"
)
ROW = re.compile(r"^\| (\d{3,5}) \| ([^|]+) \| (yes|partly|planned|no) \| ([^|]*) \|$")


def python_files(folder: str) -> Iterator[Path]:
    return (path for path in sorted((ROOT / folder).rglob("*.py")) if "__pycache__" not in path.parts)


def cited(folder: str) -> set[int]:
    return {
        int(match[1]) for path in python_files(folder) for match in CITATION.finditer(path.read_text("utf-8"))
    }


def table() -> dict[int, str]:
    rows = (ROW.match(line) for line in (ROOT / "STANDARDS.md").read_text("utf-8").splitlines())
    return {int(row[1]): row[3] for row in rows if row}


def test_every_citation_has_the_one_form() -> None:
    """`RFC 5321 section 4.1.4`, so that a script can find it."""
    faults = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for folder in ("src", "tests")
        for path in python_files(folder)
        if path != Path(__file__)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if SLOPPY.search(line.replace("RFC822", ""))
    ]
    assert not faults, "\n".join(faults)


def test_every_cited_standard_is_in_the_table() -> None:
    """STANDARDS.md lists all that the code rests on."""
    missing = (cited("src") | cited("tests")) - table().keys()
    assert not missing


def test_what_the_table_calls_done_is_obeyed_and_tested() -> None:
    """A `yes` without a citation in src and in tests is a wish."""
    source, tests = cited("src"), cited("tests")
    wishes = [
        number for number, state in table().items() if state == "yes" and not {number} <= source & tests
    ]
    assert not wishes


def test_the_table_is_in_order_and_without_repeats() -> None:
    """A reader finds a number where it belongs."""
    rows = [ROW.match(line) for line in (ROOT / "STANDARDS.md").read_text("utf-8").splitlines()]
    numbers = [int(row[1]) for row in rows if row]
    assert numbers == sorted(set(numbers))
