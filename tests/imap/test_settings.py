import pytest

from pymailcore.imap.settings import ImapSettings


def test_autologout_is_at_least_thirty_minutes() -> None:
    """RFC 3501 section 5.4."""
    assert ImapSettings().idle_seconds >= 30 * 60


@pytest.mark.parametrize("uri", ["mailto:admin@example.test", "tel:+43-1-234", "https://example.test/help"])
def test_the_administrator_is_reached_by_a_uri(uri: str) -> None:
    """RFC 5464 section 6.2.2."""
    assert ImapSettings(admin_uri=uri).admin_uri == uri


@pytest.mark.parametrize(
    "text", ["admin@example.test", "mailto:", "mailto:a b", "mailto:ü", "mailto:a\r\n", ":x"]
)
def test_what_is_no_uri_is_refused(text: str) -> None:
    """RFC 5464 section 6.2.2: it must be one."""
    with pytest.raises(ValueError, match="admin_uri"):
        ImapSettings(admin_uri=text)
