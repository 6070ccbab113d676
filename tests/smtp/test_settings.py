from dataclasses import fields
from typing import Any

import pytest

from pymailcore.smtp.settings import SmtpSettings


def test_defaults_are_sound_and_documented() -> None:
    """RFC 5321 section 4.5.3.2."""
    settings = SmtpSettings()
    assert settings.idle_seconds >= 300
    assert settings.final_reply_seconds >= 600
    assert all(field.metadata["doc"] for field in fields(settings))


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_message_octets": 0},
        {"idle_seconds": -1.0},
        {"hard_errors_count": 0},
        {"max_header_octets": 0},
        {"max_header_fields_count": 0},
        {"vrfy": "yes"},
        {"expn": "everybody"},
        {"hello_refused": ("hello-own-name", "hello-kitty")},
        {"peer_name_seconds": 30.1},
        {"spf": "on"},
        {"spf_seconds": 0.0},
        {"spf_seconds": 60.1},
        {"spf_note_seconds": -0.1},
        {"spf_note_seconds": 30.1},
        {"max_error_delay_seconds": 60.1},
        {"lost_replies_count": -1},
        {"lost_reply_seconds": 0.0},
        {"lost_reply_seconds": 86_400.1},
        {"max_error_delay_seconds": 0.9},
        {"max_message_octets": 11, "max_mail_data_memory_octets": 10},
    ],
)
def test_what_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)).partition("_")[0]):
        SmtpSettings(**wrong)
