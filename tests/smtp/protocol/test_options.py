from dataclasses import replace

from tests.support.smtp import OFFER, OPTIONS

from pymailcore.smtp.protocol.options import ServerOptions


def keywords(options: ServerOptions) -> list[str]:
    return options.extended_hello.text.split("\n")[1:]


def test_what_always_works_is_announced() -> None:
    """RFC 5321 section 4.1.1.1."""
    always = ["PIPELINING", "SIZE 100000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
    assert keywords(OPTIONS) == always
    assert OPTIONS.plain_hello.text == "mx.example"
    assert OPTIONS.greeting.text.startswith("mx.example ESMTP")


def test_what_depends_is_announced_when_it_works() -> None:
    """RFC 3207 section 4, RFC 4954 section 3."""
    assert "STARTTLS" in keywords(replace(OPTIONS, starttls=True))
    offered = keywords(replace(OPTIONS, offer=OFFER))
    assert "AUTH SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN LOGIN" in offered
