import pytest

from pymailcore.imap.protocol.flags import MAX_FLAG_OCTETS, Flags, encode_flags, parse_flags


def test_system_flags_have_the_names_of_keywords() -> None:
    r"""RFC 8621 section 4.1.1: `\Seen` is `$seen`; `\Deleted` is none."""
    assert parse_flags([b"\\SEEN", b"\\Draft", b"\\deleted", b"$Forwarded", b"Work", b"work"]) == Flags(
        ("$seen", "$draft", "$forwarded", "work"), deleted=True
    )


@pytest.mark.parametrize("flag", [b"\\Recent", b"\\Foo", b"\\*", b"\\"])
def test_some_flags_cannot_be_set(flag: bytes) -> None:
    r"""RFC 3501 section 2.3.2: `\Recent` is the server's, and other `\` names are reserved."""
    assert parse_flags([flag]) is None


def test_a_flag_may_be_just_so_long() -> None:
    """RFC 8621 section 4.1.1."""
    assert parse_flags([b"a" * MAX_FLAG_OCTETS]) is not None
    assert parse_flags([b"a" * (MAX_FLAG_OCTETS + 1)]) is None


def test_flags_are_written_as_registered() -> None:
    """RFC 3501 section 2.3.2, RFC 5788 section 4."""
    names = ("$seen", "$forwarded", "work")
    assert encode_flags(names, True, True) == b"\\Seen $Forwarded work \\Deleted \\Recent"
    assert encode_flags((), False, False) == b""
