"""What the back worker does: relaying, and the metrics page."""

import smtplib
import socket
import threading
import time
import urllib.request
from pathlib import Path
from typing import cast

import pytest

from pymailcore.app.core import Core
from pymailcore.directory.actors import SYSTEM
from pymailcore.runtime.lock import FolderLock
from pymailcore.store.housekeeping import keeper
from pymailcore.testing import MailServer

pytestmark = pytest.mark.slow


class Sink:
    """A host that takes one message by SMTP, in a thread."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listening.getsockname()[1]
        self.lines: list[str] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        connection, _ = self.listening.accept()
        with connection, connection.makefile("rw", newline="") as file:

            def say(text: str) -> None:
                file.write(text + "\r\n")
                file.flush()

            say("220 sink")
            in_data = False
            for line in file:
                self.lines.append(line)
                if in_data:
                    if line == ".\r\n":
                        in_data = False
                        say("250 2.0.0 kept")
                elif line.startswith("DATA"):
                    in_data = True
                    say("354 go on")
                elif line.startswith("QUIT"):
                    say("221 bye")
                    return
                else:
                    say("250 2.0.0 ok")

    def wait(self) -> str:
        self.thread.join(20)
        assert not self.thread.is_alive(), self.lines
        self.listening.close()
        return "".join(self.lines)


def test_mail_for_elsewhere_is_relayed_by_its_route() -> None:
    sink = Sink()
    route = f'[[route]]\ndomain = "example.net"\nhost = "127.0.0.1"\nport = {sink.port}\n'
    with MailServer(settings=route) as server:
        anna = server.add_account("anna", "correct horse")
        with smtplib.SMTP(server.host, server.ports["submission"]) as client:
            client.login(anna, "correct horse")
            client.sendmail(anna, ["ben@example.net"], f"From: {anna}\r\nSubject: out\r\n\r\nHello\r\n")
        seen = sink.wait()
    assert "MAIL FROM:<anna@example.test>" in seen
    assert "RCPT TO:<ben@example.net>" in seen
    assert "Subject: out" in seen


def test_metrics_have_a_listener_of_their_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with MailServer(settings=f'[metrics]\nbind = "127.0.0.1:{port}"\n') as server:
        with smtplib.SMTP(server.host, server.ports["smtp"]):
            pass
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            text = answer.read().decode()
        assert 'pymailcore_connections_total{listener="smtp-0"} 1.0' in text
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/else")


def test_the_queue_waits_for_the_runner_of_an_earlier_family(tmp_path: Path) -> None:
    """S16, D10: leases of a process that still relays are not released, so nothing is sent twice."""
    sink = Sink()
    route = f'[[route]]\ndomain = "example.net"\nhost = "127.0.0.1"\nport = {sink.port}\n'
    (tmp_path / "data").mkdir()
    lock = FolderLock(tmp_path / "data", "queue.lock")
    with MailServer(tmp_path, settings=route) as server:
        anna = server.add_account("anna", "correct horse")
        with smtplib.SMTP(server.host, server.ports["submission"]) as client:
            client.login(anna, "correct horse")
            client.sendmail(anna, ["ben@example.net"], f"From: {anna}\r\nSubject: out\r\n\r\nHello\r\n")

        async def tries(core: Core) -> list[tuple[str, int]]:
            return [(entry.state, entry.tries) for entry in await core.queue.entries()]

        assert server.run(tries) == [("waiting", 0)]
        assert sink.lines == []
        lock.close()
        assert "RCPT TO:<ben@example.net>" in sink.wait()


def test_the_end_does_not_wait_for_the_runner_of_an_earlier_family(tmp_path: Path) -> None:
    """SIGTERM while the queue waits for its lock."""
    (tmp_path / "data").mkdir()
    lock = FolderLock(tmp_path / "data", "queue.lock")
    with MailServer(tmp_path):
        pass
    lock.close()


def test_housekeeping_begins_with_the_server_and_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "QUICK_FIRST_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with MailServer(settings=f'[metrics]\nbind = "127.0.0.1:{port}"\n'):
        lines: list[str] = []
        until = time.monotonic() + 20
        while 'pymailcore_house_runs_total{job="watch",outcome="ok"} 1.0' not in lines:
            assert time.monotonic() < until
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                lines = answer.read().decode().splitlines()


def test_old_records_of_the_audit_log_go_with_the_next_start(tmp_path: Path) -> None:
    settings = "[directory]\naudit_log_days = 0.0000001\n"
    with MailServer(tmp_path, settings=settings) as server:
        server.add_account("anna", "correct horse")

    async def pruned(core: Core) -> int:
        found = await core.administration.call(SYSTEM, "audit.list", {"action": "audit.prune"})
        return len(cast(list[object], found["items"]))

    with MailServer(tmp_path, settings=settings) as server:
        until = time.monotonic() + 20
        while not server.run(pruned):
            assert time.monotonic() < until

        async def verify(core: Core) -> object:
            return (await core.administration.call(SYSTEM, "audit.verify", {}))["broken"]

        assert server.run(verify) is None
