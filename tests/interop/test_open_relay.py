"""S13 of docs/develop/threats.md over real ports and a real queue: no form of an address leads elsewhere."""

import base64
import contextlib
import socket
from collections.abc import Iterator

import pytest
from tests.support.family import unverified_tls
from tests.support.raw_sink import raw_sink
from tests.support.relaying import FORMS, HERE, THERE
from tests.support.sending_scene import PASSWORD, Scene, route

from pymailcore.testing.server import MailServer

pytestmark = pytest.mark.slow

STRANGERS = ("<>", "<a@client.example>", f"<b@{HERE}>")
OTHERS = (f"<b@{HERE}>", "<boss@elsewhere.example>")
SIGN_IN = "AUTH PLAIN " + base64.b64encode(f"\0anna@{HERE}\0{PASSWORD}".encode()).decode()
DOORS = {
    "smtp": (STRANGERS, ()),
    "submission": (STRANGERS, ()),
    "submissions": (STRANGERS, ()),
    "somebody else's name": (OTHERS, (SIGN_IN,)),
    "a claim of PROXY": (STRANGERS, ("PROXY TCP4 127.0.0.1 127.0.0.1 25 25",)),
    "a claim of XCLIENT": (STRANGERS, ("XCLIENT ADDR=127.0.0.1 LOGIN=anna", "XFORWARD ADDR=127.0.0.1")),
}


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """A server that knows where the victim is."""
    limits = "[smtp]\nhard_errors_count = 100000\nsoft_errors_count = 100000\njunk_commands_count = 100000\n"
    limits += "unknown_recipients_count = 0\n[plugins.ratelimit]\nenabled = false\n"
    with (
        raw_sink() as sink,
        MailServer(domain=HERE, settings=route(THERE, sink.port) + limits) as server,
    ):
        server.add_account("anna", PASSWORD)
        yield Scene(server, sink)


def converse(server: MailServer, port: str, lines: list[str]) -> list[str]:
    """Say everything together; gives the codes of all replies."""
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(socket.create_connection(("127.0.0.1", server.ports[port]), 60))
        if port == "submissions":
            client = stack.enter_context(unverified_tls().wrap_socket(client))
        replies = stack.enter_context(client.makefile("rb"))
        assert replies.readline().startswith(b"220")
        codes = []
        for start in range(0, len(lines), 200):
            piece = lines[start : start + 200]
            client.sendall("".join(f"{line}\r\n" for line in piece).encode())
            for _ in piece:
                while (line := replies.readline())[3:4] == b"-":
                    pass
                codes.append(line[:3].decode())
        return codes


@pytest.mark.parametrize("door", list(DOORS))
def test_no_form_brings_mail_elsewhere(scene: Scene, door: str) -> None:
    """All forms, each with all senders; the queue is empty, and nobody was connected to."""
    senders, first = DOORS[door]
    port = {"somebody else's name": "submission"}.get(door, "smtp" if door.startswith("a claim") else door)
    lines = ["EHLO c.example", *first]
    for sender in senders:
        for form in FORMS:
            lines += ["RSET", f"MAIL FROM:{sender} SMTPUTF8", f"RCPT TO:{form}", "DATA"]
    codes = converse(scene.server, port, lines)
    if first == (SIGN_IN,):
        assert codes[1] == "235"
    count = len(senders) * len(FORMS)
    for number in range(count):
        _reset, _mail, recipient, data = codes[len(first) + 1 + 4 * number :][:4]
        assert recipient[0] == data[0] == "5", (door, FORMS[number % len(FORMS)], recipient, data)
    assert scene.rows("SELECT count(*) FROM queue_recipients") == [(0,)]
    assert scene.sink.wire == []
