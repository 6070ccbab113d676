import pytest

from pymailcore.sasl.bearer import OAuthBearer, XOAuth2
from pymailcore.sasl.external import External
from pymailcore.sasl.login import Login
from pymailcore.sasl.plain import Plain
from pymailcore.sasl.registry import NOTHING, make_offer
from pymailcore.sasl.scram import Scram
from pymailcore.sasl.settings import KNOWN, SaslSettings
from pymailcore.sasl.steps import Challenge, Failed, NeedKeys, ScramKeys

ALL = SaslSettings(mechanisms=KNOWN)
BOUND = {"tls-exporter": b"x" * 32}


def random_bytes(count: int) -> bytes:
    return bytes(range(count))


def test_what_works_is_announced_and_login_comes_last() -> None:
    """RFC 4422 section 3.2; -PLUS only where a connection can be bound, EXTERNAL with a certificate."""
    plain = make_offer(SaslSettings(), random_bytes=random_bytes)
    assert plain.names == ("SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN")
    bound = make_offer(SaslSettings(), random_bytes=random_bytes, bindings=BOUND)
    assert bound.names == ("SCRAM-SHA-256-PLUS", *plain.names)
    known = make_offer(SaslSettings(), random_bytes=random_bytes, bindings=BOUND, certificate=True)
    assert known.names == ("EXTERNAL", *bound.names)
    assert make_offer(ALL, random_bytes=random_bytes, bindings=BOUND, certificate=True).names == KNOWN


@pytest.mark.parametrize("name", ["PLAIN", "plain", "Plain"])
def test_names_are_found_in_any_case(name: str) -> None:
    """RFC 4422 section 3.1."""
    assert isinstance(make_offer(ALL, random_bytes=random_bytes).begin(name), Plain)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("LOGIN", Login),
        ("EXTERNAL", External),
        ("OAUTHBEARER", OAuthBearer),
        ("XOAUTH2", XOAuth2),
        ("SCRAM-SHA-1", Scram),
        ("SCRAM-SHA-256-PLUS", Scram),
    ],
)
def test_each_name_has_its_machine(name: str, kind: type) -> None:
    offer = make_offer(ALL, random_bytes=random_bytes, bindings=BOUND, certificate=True)
    assert isinstance(offer.begin(name), kind)


@pytest.mark.parametrize("name", ["", "CRAM-MD5", "PLAıN", "EXTERNAL", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1"])
def test_what_is_not_offered_is_not_made(name: str) -> None:
    """`ı` becomes `I` in upper case."""
    assert make_offer(SaslSettings(), random_bytes=random_bytes).begin(name) is None
    assert NOTHING.begin(name) is None


def test_a_nonce_is_18_random_octets() -> None:
    """RFC 5802 section 5.1, attribute r: printable, without commas."""
    machine = make_offer(ALL, random_bytes=random_bytes).begin("SCRAM-SHA-256")
    assert machine is not None
    assert isinstance(machine.start(b"n,,n=u,r=abc"), NeedKeys)
    assert machine.keys(ScramKeys(b"salt", 4096, ())) == Challenge(
        b"r=abcAAECAwQFBgcICQoLDA0ODxAR,s=c2FsdA==,i=4096"
    )


def test_a_removed_plus_is_noticed_only_where_it_was_announced() -> None:
    """RFC 5802 section 6."""
    for bindings, kind in ((BOUND, Failed), ({}, NeedKeys)):
        machine = make_offer(ALL, random_bytes=random_bytes, bindings=bindings).begin("SCRAM-SHA-256")
        assert machine is not None
        assert isinstance(machine.start(b"y,,n=u,r=abc"), kind)


@pytest.mark.parametrize(
    ("mechanisms", "takes"), [(("PLAIN",), True), (("LOGIN",), True), (("SCRAM-SHA-256", "XOAUTH2"), False)]
)
def test_whether_passwords_are_taken_in_clear(mechanisms: tuple[str, ...], takes: bool) -> None:
    settings = SaslSettings(mechanisms=mechanisms)
    assert make_offer(settings, random_bytes=random_bytes).takes_passwords is takes


def test_chance_and_bindings_are_not_shown() -> None:
    assert "x" * 8 not in repr(make_offer(ALL, random_bytes=random_bytes, bindings=BOUND))
