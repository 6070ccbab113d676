import pytest

from pymailcore.imap.protocol.list_grammar import (
    MAX_OPTIONS,
    MAX_PATTERNS,
    ListOptions,
    parse_list,
    parse_plain_list,
)
from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.status_items import StatusItem


def parse(line: bytes) -> tuple[str, tuple[str, ...], ListOptions | None]:
    scanner = Scanner([b" " + line])
    parsed = parse_list(scanner)
    scanner.end()
    return parsed


@pytest.mark.parametrize(
    ("line", "patterns", "options"),
    [
        (b'"" *', ("*",), None),
        (b'() "" *', ("*",), ListOptions()),
        (b'"" (* %)', ("*", "%"), ListOptions()),
        (b'"" (a a)', ("a",), ListOptions()),
        (b'"" * return ()', ("*",), ListOptions()),
        (b'(subscribed) "" *', ("*",), ListOptions(subscribed=True, tell_subscribed=True)),
        (b'(REMOTE SPECIAL-USE) "" *', ("*",), ListOptions(special_use=True)),
        (
            b'(RECURSIVEMATCH SUBSCRIBED SUBSCRIBED) "" *',
            ("*",),
            ListOptions(subscribed=True, recursive=True, tell_subscribed=True),
        ),
        (b'"" * RETURN (CHILDREN SPECIAL-USE SUBSCRIBED)', ("*",), ListOptions(tell_subscribed=True)),
        (
            b'"" * RETURN (STATUS (UNSEEN MESSAGES) STATUS (UNSEEN))',
            ("*",),
            ListOptions(status=(StatusItem.UNSEEN, StatusItem.MESSAGES)),
        ),
        (
            b'"" * RETURN (METADATA (/shared/x "/shared/y"))',
            ("*",),
            ListOptions(entries=("/shared/x", "/shared/y")),
        ),
    ],
)
def test_the_forms_of_list(line: bytes, patterns: tuple[str, ...], options: ListOptions | None) -> None:
    """RFC 5258 section 6, RFC 5819 section 4, RFC 6154 section 6, RFC 9590."""
    assert parse(line) == ("", patterns, options)


@pytest.mark.parametrize(
    "line",
    [
        b'(RECURSIVEMATCH) "" *',
        b'(REMOTE RECURSIVEMATCH) "" *',
        b'(CHILDREN) "" *',
        b'(SUBSCRIBED  REMOTE) "" *',
        b'(SUBSCRIBED "" *',
        b'"" ()',
        b'"" (a',
        b'"" (a  b)',
        b'"" * X ()',
        b'"" * RETURN',
        b'"" * RETURN (REMOTE)',
        b'"" * RETURN (STATUS)',
        b'"" * RETURN (STATUS ())',
        b'"" * RETURN (STATUS (X))',
        b'"" * RETURN (METADATA /shared/x)',
        b'"" * RETURN (METADATA ())',
        b'"" * RETURN () x',
        b'"" (& *)',
    ],
)
def test_what_is_no_list(line: bytes) -> None:
    """RFC 5258 section 3: unknown options are BAD, and RECURSIVEMATCH alone."""
    with pytest.raises(BadCommand):
        parse(line)


@pytest.mark.parametrize(("more", "fits"), [(-1, True), (0, True), (1, False)])
def test_patterns_and_options_are_counted(more: int, fits: bool) -> None:
    """I1."""
    patterns = b'"" (%b)' % b" ".join(b"p%d" % number for number in range(MAX_PATTERNS + more))
    options = b'(%b) "" *' % b" ".join([b"REMOTE"] * (MAX_OPTIONS + more))
    for line in (patterns, options):
        if fits:
            assert parse(line)
        else:
            with pytest.raises(BadCommand):
                parse(line)


def test_lsub_and_xlist_have_one_form() -> None:
    """RFC 3501 section 9."""
    assert parse_plain_list(Scanner([b' "a/" %'])) == ("a/", "%")
    with pytest.raises(BadCommand):
        parse_plain_list(Scanner([b' "" (a b)']))
