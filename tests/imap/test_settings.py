from pymailcore.imap.settings import ImapSettings


def test_autologout_is_at_least_thirty_minutes() -> None:
    """RFC 3501 section 5.4."""
    assert ImapSettings().idle_seconds >= 30 * 60
