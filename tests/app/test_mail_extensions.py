"""What each way in offers."""

from pathlib import Path

import pytest

from pymailcore.app.mail_extensions import extensions_of, jmap_sending
from pymailcore.config.read import read_text
from pymailcore.smtp.settings import SmtpSettings


@pytest.mark.parametrize("protocol", ["smtp", "lmtp"])
def test_others_do_not_say_when_mail_leaves(protocol: str) -> None:
    offered = extensions_of(protocol, SmtpSettings())
    assert (offered.max_hold_seconds, offered.deliverby, offered.priority) == (0, False, False)
    assert (offered.dsn, offered.requiretls, offered.chunking) == (True, True, True)


def test_jmap_has_what_the_submission_port_has_but_for_the_transport(tmp_path: Path) -> None:
    """RFC 8621 section 1.3.2."""
    text = """
        hostname = "mx.example"
        data = "data"
        [[listener]]
        protocol = "smtp"
        bind = "127.0.0.1:0"
        [smtp]
        max_hold_seconds = 60
        no_soliciting = ["org.example:ADV"]
        max_message_octets = 1000
    """
    configuration = read_text(text, tmp_path)
    sending = jmap_sending(configuration)
    port = extensions_of("submission", configuration.smtp)
    ours = sending.extensions
    assert (ours.dsn, ours.requiretls, ours.deliverby, ours.priority) == (True,) * 4
    assert (ours.max_hold_seconds, ours.no_soliciting) == (port.max_hold_seconds, port.no_soliciting)
    assert (ours.chunking, ours.binarymime, ours.limits) == (False, False, False)
    assert (sending.max_message_octets, sending.hostname) == (1_000, "mx.example")
