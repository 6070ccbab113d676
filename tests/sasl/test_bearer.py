import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.sasl.bearer import MAX_PAIRS, OAuthBearer, XOAuth2
from pymailcore.sasl.steps import MAX_FIELD_OCTETS, MAX_TOKEN_OCTETS, BearerToken, Challenge, Failed

# RFC 7628 section 4.1
EXAMPLE = (
    b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
    b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"
)
TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="


def test_the_example_of_the_standard() -> None:
    """RFC 7628 section 4.1."""
    assert OAuthBearer().start(EXAMPLE) == BearerToken("OAUTHBEARER", "user@example.com", TOKEN)


def test_the_token_may_come_after_an_empty_challenge() -> None:
    machine = OAuthBearer()
    assert machine.start(None) == Challenge(b"")
    assert isinstance(machine.respond(EXAMPLE), BearerToken)


def test_nobody_need_be_named() -> None:
    """RFC 7628 section 3.1: the authorization id is optional."""
    assert OAuthBearer().start(b"n,,\x01auth=Bearer abc\x01\x01") == BearerToken("OAUTHBEARER", "", "abc")
    assert OAuthBearer().start(b"y,,\x01auth=bearer abc\x01\x01") == BearerToken("OAUTHBEARER", "", "abc")


def test_commas_in_names_are_escaped() -> None:
    """RFC 5801 section 4."""
    step = OAuthBearer().start(b"n,a=a=2Cb=3Dc,\x01auth=Bearer abc\x01\x01")
    assert step == BearerToken("OAUTHBEARER", "a,b=c", "abc")


def test_unknown_pairs_are_passed_over() -> None:
    """RFC 7628 section 3.1."""
    octets = b"n,,\x01mthd=POST\x01other=\tx y\r\n\x01auth=Bearer abc\x01\x01"
    assert OAuthBearer().start(octets) == BearerToken("OAUTHBEARER", "", "abc")


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x01",
        b"n,,\x01\x01",
        b"n,,\x01auth=Bearer abc\x01",
        b"n,,\x01auth=Bearer abc\x01\x01\x01",
        b"p=tls-exporter,,\x01auth=Bearer abc\x01\x01",
        b"n,\x01auth=Bearer abc\x01\x01",
        b"n,b=x,\x01auth=Bearer abc\x01\x01",
        b"n,a=,\x01auth=Bearer abc\x01\x01",
        b"n,a=a=b,\x01auth=Bearer abc\x01\x01",
        b"n,,\x01auth=Bearer abc\x01auth=Bearer abd\x01\x01",
        b"n,,\x01auth=Basic abc\x01\x01",
        b"n,,\x01auth=Bearer a b\x01\x01",
        b"n,,\x01auth=Bearer \x01\x01",
        b"n,,\x011=2\x01auth=Bearer abc\x01\x01",
        b"n,,\x01auth=Bearer a\xff\x01\x01",
    ],
)
def test_the_client_is_told_what_is_malformed(octets: bytes) -> None:
    """RFC 7628 section 3.2.2: a JSON object with a status."""
    step = OAuthBearer().start(octets)
    assert isinstance(step, Failed)
    assert step.octets is not None
    assert json.loads(step.octets)["status"] in ("invalid_request", "invalid_token")


def test_a_refused_token_is_answered_with_a_challenge() -> None:
    """RFC 7628 section 3.2.2 and 4.3."""
    for machine, octets in ((OAuthBearer(), EXAMPLE), (XOAuth2(), b"user=a@b\x01auth=Bearer abc\x01\x01")):
        machine.start(octets)
        step = machine.refuse()
        assert step.octets is not None
        assert json.loads(step.octets)["schemes"] == "bearer"


def test_the_token_is_not_shown() -> None:
    assert TOKEN not in repr(OAuthBearer().start(EXAMPLE))


def test_xoauth2_names_user_and_token() -> None:
    octets = b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3Rl\x01\x01"
    assert XOAuth2().start(octets) == BearerToken(
        "XOAUTH2", "someuser@example.com", "ya29.vF9dft4qmTc2Nvb3Rl"
    )


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"user=a@b\x01auth=Bearer abc\x01",
        b"user=\x01auth=Bearer abc\x01\x01",
        b"auth=Bearer abc\x01user=a@b\x01\x01",
        b"user=a@b\x01auth=abc\x01\x01",
        b"user=a@b\x01auth=Bearer abc\x01\x01x",
    ],
)
def test_xoauth2_says_what_is_malformed(octets: bytes) -> None:
    step = XOAuth2().start(octets)
    assert isinstance(step, Failed)
    assert step.octets is not None
    assert json.loads(step.octets)["status"] == "400"


@pytest.mark.parametrize(("extra", "good"), [(-1, True), (0, True), (1, False)])
def test_tokens_names_and_pairs_are_bounded(extra: int, good: bool) -> None:
    token = b"auth=Bearer " + b"t" * (MAX_TOKEN_OCTETS + extra)
    name = b"x" * (MAX_FIELD_OCTETS + extra)
    pairs = b"\x01".join([b"host=x"] * (MAX_PAIRS - 1 + extra))
    for octets in (
        b"n,,\x01" + token + b"\x01\x01",
        b"n,a=" + name + b",\x01auth=Bearer abc\x01\x01",
        b"n,,\x01" + pairs + b"\x01auth=Bearer abc\x01\x01",
    ):
        assert isinstance(OAuthBearer().start(octets), BearerToken) is good
    for octets in (b"user=a\x01" + token + b"\x01\x01", b"user=" + name + b"\x01auth=Bearer abc\x01\x01"):
        assert isinstance(XOAuth2().start(octets), BearerToken) is good


@given(st.binary(max_size=80))
def test_no_message_raises(octets: bytes) -> None:
    for machine in (OAuthBearer(), XOAuth2()):
        assert isinstance(machine.start(octets), BearerToken | Failed)
