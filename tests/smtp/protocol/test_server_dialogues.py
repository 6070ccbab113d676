from dataclasses import replace
from pathlib import Path

import pytest
from tests.support import dialogue
from tests.support.smtp import OFFER, OPTIONS, take_events

from pymailcore.smtp.protocol.extensions import Extensions
from pymailcore.smtp.protocol.server import SmtpServerProtocol
from pymailcore.smtp.protocol.states import State

EVERYTHING = Extensions(
    chunking=True,
    binarymime=True,
    dsn=True,
    requiretls=True,
    max_hold_seconds=86_400,
    deliverby=True,
    priority=True,
    limits=True,
    no_soliciting="org.example:ADV",
)
FOLDER = Path(__file__).parents[2] / "dialogues" / "smtp"
FILES = sorted(FOLDER.glob("*.txt"))


@pytest.mark.parametrize("cut", [0, 1, 2, 7])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_server_core_follows_the_transcript(path: Path, cut: int) -> None:
    """RFC 5321 section 3; each file names its own sections."""
    script = dialogue.load(path)
    if "whole" in script.words and cut:
        cut = 0  # what the transcript is about is that octets come together
    options = replace(
        OPTIONS,
        starttls="starttls" in script.words,
        lmtp="lmtp" in script.words,
        xclient="xclient" in script.words,
        lookups=frozenset({"VRFY", "EXPN"} if "lookups" in script.words else ()),
        extensions=EVERYTHING if "everything" in script.words else OPTIONS.extensions,
        encrypted="everything" in script.words,
        offer=OFFER if "login" in script.words else OPTIONS.offer,
        max_message_octets=20 if "small" in script.words else OPTIONS.max_message_octets,
    )
    protocol = SmtpServerProtocol(options)

    def exchange(octets: bytes) -> bytes:
        if octets:
            protocol.receive_data(octets)
        take_events(protocol)
        return protocol.bytes_to_send()

    dialogue.play(script, exchange, lambda: protocol.state is State.CLOSED, cut)


def test_each_keyword_of_ehlo_is_in_a_transcript() -> None:
    """RFC 5321 section 4.1.1.1: what is announced is also shown at work."""
    options = replace(
        OPTIONS,
        starttls=True,
        xclient=True,
        lookups=frozenset({"VRFY", "EXPN"}),
        extensions=EVERYTHING,
        encrypted=True,
        offer=OFFER,
    )
    protocol = SmtpServerProtocol(options)
    take_events(protocol)
    protocol.bytes_to_send()
    protocol.receive_data(b"EHLO c.example\r\n")
    take_events(protocol)
    _, *lines = protocol.bytes_to_send().splitlines()
    keywords = {line[4:].split()[0] for line in lines}
    assert len(keywords) >= 19
    shown = {
        step.octets.split()[0] for path in FILES for step in dialogue.load(path).steps if step.kind == "has"
    }
    assert keywords <= shown
