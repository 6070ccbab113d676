import pytest

from pymailcore.smtp.role import Session
from pymailcore.smtp.transmission import with_protocol


@pytest.mark.parametrize(
    ("tls", "extended", "authenticated", "smtputf8", "expected"),
    [
        ("", False, False, False, "SMTP"),
        ("", True, False, False, "ESMTP"),
        ("x", True, False, False, "ESMTPS"),
        ("", True, True, False, "ESMTPA"),
        ("x", True, True, False, "ESMTPSA"),
        ("", True, False, True, "UTF8SMTP"),
        ("x", True, True, True, "UTF8SMTPSA"),
    ],
)
def test_names_are_those_of_the_registry(
    tls: str, extended: bool, authenticated: bool, smtputf8: bool, expected: str
) -> None:
    """RFC 3848 section 1, RFC 6531 section 4.3."""
    session = Session(connection_id="c1", peer="192.0.2.1", tls=tls)
    found = with_protocol(session, extended=extended, authenticated=authenticated, smtputf8=smtputf8)
    assert found == expected


@pytest.mark.parametrize(
    ("tls", "smtputf8", "expected"),
    [("", False, "LMTP"), ("x", False, "LMTPS"), ("", True, "UTF8LMTP"), ("x", True, "UTF8LMTPS")],
)
def test_lmtp_has_names_of_its_own(tls: str, smtputf8: bool, expected: str) -> None:
    """RFC 3848 section 1, RFC 6531 section 4.3."""
    session = Session(connection_id="c1", peer="192.0.2.1", tls=tls, lmtp=True)
    assert with_protocol(session, extended=True, authenticated=False, smtputf8=smtputf8) == expected
