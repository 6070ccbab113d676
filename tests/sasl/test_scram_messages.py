import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.sasl.scram_messages import (
    MAX_EXTENSIONS,
    MAX_MESSAGE_OCTETS,
    ClientFinal,
    ClientFirst,
    Unreadable,
    parse_client_final,
    parse_client_first,
)
from pymailcore.sasl.steps import MAX_FIELD_OCTETS


def error_of(message: bytes) -> str:
    with pytest.raises(Unreadable) as refused:
        parse_client_first(message)
    return refused.value.error


def test_client_first_has_a_header_a_name_and_a_nonce() -> None:
    """RFC 5802 sections 5 and 7."""
    assert parse_client_first(b"p=tls-exporter,a=boss,n=user,r=abc,x=1") == ClientFirst(
        gs2_header=b"p=tls-exporter,a=boss,",
        flag="p",
        binding="tls-exporter",
        authorization_id="boss",
        authentication_id="user",
        nonce=b"abc",
        bare=b"n=user,r=abc,x=1",
    )
    assert parse_client_first(b"y,,n=u,r=a").flag == "y"


def test_names_are_unescaped_and_prepared() -> None:
    """RFC 5802 section 5.1: =2C and =3D; SASLprep, unassigned characters allowed."""
    assert parse_client_first(b"n,,n=a=2Cb=3Dc,r=x").authentication_id == "a,b=c"
    assert parse_client_first("n,,n=I\u00adX,r=x".encode()).authentication_id == "IX"
    assert parse_client_first("n,,n=\U0001f600,r=x".encode()).authentication_id == "\U0001f600"


@pytest.mark.parametrize("name", ["a=b", "a=2c", "a=3", "a=", "\u00ad", "\u0007"])
def test_a_name_that_cannot_be_read_is_said_to_be_so(name: str) -> None:
    """RFC 5802 sections 5.1 and 7."""
    assert error_of(f"n,,n={name},r=x".encode()) == "invalid-username-encoding"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"n,,n=u",
        b"n,,r=x,n=u",
        b"n,,n=,r=x",
        b"n,,n=u,r=",
        b"n,,n=u,r=a b",
        b"n,,n=u,r=\x7f",
        b"n,a=,n=u,r=x",
        b"n,b=x,n=u,r=x",
        b"q,,n=u,r=x",
        b"p=,,n=u,r=x",
        b"p=tls_x,,n=u,r=x",
        b"N,,n=u,r=x",
        b"n,,n=u,r=x,",
        b"n,,n=u,r=x,1=y",
        b"n,,n=u,r=x,x=",
        b"n,,n=u\xff,r=x",
        b"n,,n=u\0,r=x",
    ],
)
def test_what_is_not_of_the_grammar_is_refused(message: bytes) -> None:
    """RFC 5802 section 7."""
    assert error_of(message) == "invalid-encoding"


@pytest.mark.parametrize("message", [b"n,,m=x,n=u,r=x", b"n,,n=u,r=x,m=y", b"n,,n=u,r=x,a=1,m=y"])
def test_an_extension_that_must_be_understood_is_refused(message: bytes) -> None:
    """RFC 5802 section 5.1, attribute m."""
    assert error_of(message) == "extensions-not-supported"


def test_client_final_has_binding_nonce_and_proof() -> None:
    """RFC 5802 section 7."""
    assert parse_client_final(b"c=biws,r=abc,x=y,p=AAEC") == ClientFinal(
        b"n,,", b"abc", b"\0\x01\x02", b"c=biws,r=abc,x=y"
    )


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"c=biws,r=abc",
        b"c=biws,p=AAEC,r=abc",
        b"c=,r=abc,p=AAEC",
        b"c=biw,r=abc,p=AAEC",
        b"c=biws,r=abc,p=AAE",
        b"c=biws,r=abc,p=",
        b"c=biws,r=abc,p=AAEC,x=y",
        b"r=abc,c=biws,p=AAEC",
    ],
)
def test_a_malformed_client_final_is_refused(message: bytes) -> None:
    """RFC 5802 section 7."""
    with pytest.raises(Unreadable) as refused:
        parse_client_final(message)
    assert refused.value.error == "invalid-encoding"


def test_client_final_may_not_ask_for_extensions_either() -> None:
    """RFC 5802 section 5.1, attribute m."""
    with pytest.raises(Unreadable, match="extensions-not-supported"):
        parse_client_final(b"c=biws,r=abc,m=y,p=AAEC")


@pytest.mark.parametrize(("extra", "good"), [(-1, True), (0, True), (1, False)])
def test_messages_names_and_extensions_are_bounded(extra: int, good: bool) -> None:
    def reads(parse: object, message: bytes) -> bool:
        assert callable(parse)
        try:
            parse(message)
        except Unreadable:
            return False
        return True

    long_value = b"n,,n=u,r=x,x="
    filled = long_value + b"y" * (MAX_MESSAGE_OCTETS + extra - len(long_value))
    assert reads(parse_client_first, filled) is good
    name = b"x" * (MAX_FIELD_OCTETS + extra)
    assert reads(parse_client_first, b"n,,n=" + name + b",r=x") is good
    assert reads(parse_client_first, b"n,a=" + name + b",n=u,r=x") is good
    more = b",x=y" * (MAX_EXTENSIONS + extra)
    assert reads(parse_client_first, b"n,,n=u,r=x" + more) is good
    assert reads(parse_client_final, b"c=biws,r=abc" + more + b",p=AAEC") is good


@given(st.binary(max_size=100))
def test_nothing_else_is_raised(message: bytes) -> None:
    for parse in (parse_client_first, parse_client_final):
        with contextlib.suppress(Unreadable):
            parse(message)
