import pytest

from pymailcore.smtp.protocol.capabilities import Capabilities
from pymailcore.smtp.protocol.reply import Reply


def read(*lines: str) -> Capabilities:
    return Capabilities.read(Reply(250, "", "\n".join(["mx.example", *lines])))


def test_keywords_are_of_either_case_and_keep_their_parameters() -> None:
    """RFC 5321 section 4.1.1.1."""
    offered = read("pipelining", "8BitMime", "AUTH PLAIN LOGIN")
    assert "PIPELINING" in offered
    assert "8BITMIME" in offered
    assert offered.keywords["AUTH"] == "PLAIN LOGIN"
    assert "DSN" not in offered


def test_the_greeting_line_is_no_keyword() -> None:
    assert "MX.EXAMPLE" not in read()


@pytest.mark.parametrize(
    ("line", "size"),
    [("SIZE 1000", 1_000), ("SIZE", None), ("SIZE 0", None), ("SIZE -1", None), ("SIZE ten", None)],
)
def test_size_counts_when_it_is_a_number(line: str, size: int | None) -> None:
    """RFC 1870 section 3: 0 is no limit."""
    assert read(line).size_octets == size


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("RCPTMAX=20 MAILMAX=5 RCPTDOMAINMAX=1", (20, 5, 1)),
        ("rcptmax=20", (20, None, None)),
        ("RCPTMAX=999999", (999_999, None, None)),
        ("RCPTMAX=1000000", (None, None, None)),
        ("RCPTMAX=0 MAILMAX=05 RCPTDOMAINMAX=", (None, None, None)),
        ("RCPTMAX=9 RCPTMAX=7 OTHER=3 junk", (7, None, None)),
        ("", (None, None, None)),
    ],
)
def test_limits_are_read_and_what_is_no_limit_is_passed_over(
    parameters: str, expected: tuple[int | None, ...]
) -> None:
    """RFC 9422 section 3."""
    offered = read(f"LIMITS {parameters}".strip())
    assert (offered.recipients_count, offered.transactions_count, offered.domains_count) == expected
