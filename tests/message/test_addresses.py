"""Address lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.message.addresses import _MAX_SIMPLE, RawAddress, RawGroup, parse_addresses, split_addr_spec
from pymailcore.message.limits import MAX_ADDRESSES


def flat(text: str) -> list[tuple[str | None, str]]:
    return [(address.name, address.email) for group in parse_addresses(text) for address in group.addresses]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jdoe@one.test", [(None, "jdoe@one.test")]),
        ("<jdoe@one.test>", [(None, "jdoe@one.test")]),
        ("John Doe <jdoe@machine.example>", [("John Doe", "jdoe@machine.example")]),
        ('"Joe Q. Public" <john.q.public@example.com>', [("Joe Q. Public", "john.q.public@example.com")]),
        ("Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
         [("Mary Smith", "mary@x.test"), (None, "jdoe@example.org"), ("Who?", "one@y.test")]),
        ('<boss@nil.test>, "Giant; \\"Big\\" Box" <sysservices@example.net>',
         [(None, "boss@nil.test"), ('Giant; "Big" Box', "sysservices@example.net")]),
        ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", [("Pete", "pete@silly.test")]),
        ("Joe Q. Public <john.q.public@example.com>", [("Joe Q. Public", "john.q.public@example.com")]),
        ("Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
         [("Mary Smith", "mary@example.net"), (None, "jdoe@test.example")]),
        ("<@a.test,@b.test:c@d.test>", [(None, "c@d.test")]),
        ("John Doe <jdoe@machine(comment).  example>", [("John Doe", "jdoe@machine.example")]),
        ("a@b (Alice (the) one)", [("Alice (the) one", "a@b")]),
        ("a@b (x\\)y)", [("x)y", "a@b")]),
        ('"john doe"@example.com', [(None, '"john doe"@example.com')]),
        ("x@[192.0.2.1]", [(None, "x@[192.0.2.1]")]),
        ("x@[IPv6:2001:db8::1], y@z", [(None, "x@[IPv6:2001:db8::1]"), (None, "y@z")]),
        ("\u4e2d <\u4e2d@\u4e2d.example>", [("\u4e2d", "\u4e2d@\u4e2d.example")]),
        ("=?utf-8?q?a,b:_<c?= <a@b>", [("=?utf-8?q?a,b:_<c?=", "a@b")]),
        ("root", [(None, "root")]),
        ("some body", [(None, "some body")]),
        ("A <a@b", [("A", "a@b")]),
        ("A <a@b, C <c@d>", [("A", "a@b"), ("C", "c@d")]),
        ("A <a@b> trailing, c@d", [("A", "a@b"), (None, "c@d")]),
        ("A <<a@b>>", [("A", "a@b")]),
        ("A <>", [("A", "")]),
        ("A <a@b> <c@d>", [("A", "a@b")]),
        ('"never closed <a@b>', [("never closed", "a@b")]),
        ("a@b ;c@d", [(None, "a@b"), (None, "c@d")]),
        ("a@b: c@d", [(None, "a@b"), (None, "c@d")]),
        ("A <a@b>: c@d", [("A", "a@b"), (None, "c@d")]),
        ("<@a,@b,@c:d@e>, f@g", [(None, "d@e"), (None, "f@g")]),
        ("<a,b@c", [(None, "ab@c")]),
        ("", []), (",", []), ("()", []), ("<>", []), ('""', []),
    ],
)  # fmt: skip
def test_mailboxes_are_read(text: str, expected: list[tuple[str | None, str]]) -> None:
    """RFC 5322 appendix A.1, A.5 and A.6; the rest is what arrives broken."""
    assert flat(text) == expected


def test_groups_are_read() -> None:
    """RFC 5322 appendix A.1.3; RFC 8621 section 4.1.2.4."""
    assert parse_addresses(
        '"James Smythe" <james@example.com>, Friends: jane@example.com, =?UTF-8?Q?John_Sm=C3=AEth?= '
        "<john@example.com>; last@example.com"
    ) == [
        RawGroup(None, [RawAddress("James Smythe", "james@example.com")]),
        RawGroup(
            "Friends",
            [
                RawAddress(None, "jane@example.com"),
                RawAddress("=?UTF-8?Q?John_Sm=C3=AEth?=", "john@example.com"),
            ],
        ),
        RawGroup(None, [RawAddress(None, "last@example.com")]),
    ]
    assert parse_addresses("Undisclosed recipients:;") == [RawGroup("Undisclosed recipients", [])]
    assert parse_addresses("(x)Hidden recipients  :(nobody(that I know))  ;") == [
        RawGroup("Hidden recipients", [])
    ]
    assert parse_addresses("a:b@c;d:e@f") == [
        RawGroup("a", [RawAddress(None, "b@c")]),
        RawGroup("d", [RawAddress(None, "e@f")]),
    ]


def test_addresses_beyond_the_limit_are_passed_over() -> None:
    for count in (MAX_ADDRESSES - 1, MAX_ADDRESSES, MAX_ADDRESSES + 1):
        assert len(flat("a@b," * count)) == min(count, MAX_ADDRESSES)
    assert len([1 for group in parse_addresses("a@b,c@d,e@f", 2) for _ in group.addresses]) == 2


def test_an_addr_spec_has_two_halves() -> None:
    assert split_addr_spec("a@b") == ("a", "b")
    assert split_addr_spec('"a@\\"b"@c') == ('a@"b', "c")
    assert split_addr_spec("a") == ("a", "")


@given(st.text(alphabet='ab@<>,:;"\\()[]. =?\u00e9', max_size=80))
def test_nothing_makes_it_raise(text: str) -> None:
    for group in parse_addresses(text):
        for address in group.addresses:
            assert address.email or address.name


def test_a_group_counts_as_an_address() -> None:
    """Colons in a row would else make groups without end."""
    assert parse_addresses(":" * 100, 10) == [("", [])]
    assert len(parse_addresses("a:;" * 100, 10)) == 10
    assert len(parse_addresses("a@b " * 3 + ":;" * 1000, 10)) <= 10


def test_rows_of_marks_and_words_take_no_time() -> None:
    """security.md P3: 40,000 tokens are the most that one field may cost."""
    assert parse_addresses("@" * 1_000_000 + ", a@b")[0].addresses[0].email.startswith("@@")
    assert parse_addresses("," * 1_000_000 + "a@b") == [(None, [(None, "a@b")])]
    assert parse_addresses("x " * 500_000 + "<a@b>")[0].addresses[0].email == "a@b"


def test_encoded_words_glued_to_words_hide_commas() -> None:
    """RFC 2047 section 5 (3) wants a space; some senders forget it."""
    (group,) = parse_addresses("Dr.=?utf-8?q?A,B?= <a@b>, c@d")
    assert [address.email for address in group.addresses] == ["a@b", "c@d"]


@pytest.mark.parametrize("length", [_MAX_SIMPLE - 1, _MAX_SIMPLE, _MAX_SIMPLE + 1, 3 * _MAX_SIMPLE])
def test_a_long_mailbox_is_read_as_a_short_one(length: int) -> None:
    """The patterns for the forms of nearly all mail are given a bounded stretch."""
    tail = " <a=b@example.com>"
    name = "n" * 9 + " =n" * (length // 3)
    name = name[: length - len(tail)].rstrip()
    for text in (name + tail, f'"{name}"{tail}', f"c@d, {name}{tail}, e@f"):
        read = flat(text)
        assert (name, "a=b@example.com") in read
        assert len(read) == (3 if "c@d" in text else 1)
    domain = "d" * length
    assert flat(f"c@d, a@{domain},e@f") == [(None, "c@d"), (None, f"a@{domain}"), (None, "e@f")]


def test_equals_signs_are_letters_of_words() -> None:
    """RFC 5322 section 3.2.3 has them in atext; only "=?" may begin an encoded-word."""
    assert flat("a=b = c <d=e=@f=g>, =h@i, j@=?k") == [
        ("a=b = c", "d=e=@f=g"),
        (None, "=h@i"),
        (None, "j@=?k"),
    ]
