"""Kill -9 of the whole family under load: nothing that was answered with 250 is lost."""

import imaplib
import random
import re
import smtplib
import threading
from collections import Counter
from pathlib import Path

import pytest
from tests.support import mails
from tests.support.family import PASSWORD, Family

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SENDERS = 8


class Load:
    """Senders that deliver one message after another and note what was answered."""

    def __init__(self, family: Family, round_number: int) -> None:
        self._port = family.ports["smtp"]
        self._to = family.address("anna")
        self._round = round_number
        self.acknowledged: set[str] = set()
        self.unanswered: set[str] = set()
        self.ends: list[str] = []
        self.enough = threading.Event()
        self._wanted = 0
        self._threads = [threading.Thread(target=self._send, args=(n,)) for n in range(SENDERS)]

    def start(self, wanted: int) -> None:
        """Begin; `enough` is set when so many were acknowledged."""
        self._wanted = wanted
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until every sender has lost its connection."""
        for thread in self._threads:
            thread.join(30)

    def _send(self, sender: int) -> None:
        number = 0
        try:
            client = smtplib.SMTP("127.0.0.1", self._port, "load.test", timeout=20)
            while True:
                name = f"r{self._round}s{sender}n{number}x"
                number += 1
                octets = mails.plain(name) + b"x" * 70 + b"\r\n" * (number % 50)
                self.unanswered.add(name)
                client.sendmail("load@remote.test", [self._to], octets)
                self.unanswered.discard(name)
                self.acknowledged.add(name)
                if len(self.acknowledged) >= self._wanted:
                    self.enough.set()
        except (OSError, smtplib.SMTPException) as end:
            self.ends.append(repr(end))


def names_in_inbox(family: Family) -> Counter[str]:
    """Every message's name and how often it is there; each one is read in full."""
    client = imaplib.IMAP4("127.0.0.1", family.ports["imap"])
    client.login(family.address("anna"), PASSWORD)
    _, (count,) = client.select("INBOX", readonly=True)
    seen: Counter[str] = Counter()
    if count != b"0":
        _, data = client.fetch("1:*", "(BODY.PEEK[])")
        for piece in data:
            if isinstance(piece, tuple):
                match = re.search(rb"^Subject: (\S+)\r$", piece[1], re.MULTILINE)
                assert match, piece[1][:500]
                seen[match[1].decode()] += 1
    client.logout()
    return seen


def kill_and_look(folder: Path, kills: int) -> tuple[int, int]:
    """Kill a family so often under load; how many messages were acknowledged, and the kills."""
    chance = random.Random(2026)  # noqa: S311 - moments, not secrets
    family = Family(folder, processes=2)
    acknowledged: set[str] = set()
    unanswered: set[str] = set()
    for turn in range(kills):
        family.start()
        load = Load(family, turn)
        load.start(chance.randrange(1, 300))
        assert load.enough.wait(60), (len(load.acknowledged), load.ends)
        family.kill()
        load.join()
        acknowledged |= load.acknowledged
        unanswered |= load.unanswered
    with family:
        found = names_in_inbox(family)
        assert acknowledged <= found.keys(), sorted(acknowledged - found.keys())[:5]
        twice = {name for name, count in found.items() if count > 1}
        assert not twice
        assert found.keys() <= acknowledged | unanswered
        family.run("verify")
    return len(acknowledged), kills


def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    """DESIGN 4.2: 250 is a promise; three kills in a run of the suite."""
    acknowledged, _ = kill_and_look(tmp_path / "family", 3)
    assert acknowledged


@pytest.mark.long
def test_nothing_acknowledged_is_lost_by_twenty_kills(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stated count; it prints what it saw."""
    acknowledged, kills = kill_and_look(tmp_path / "family", 20)
    with capsys.disabled():
        print(f"\n{kills} kills, {acknowledged} messages acknowledged, 0 lost, 0 twice")  # noqa: T201
