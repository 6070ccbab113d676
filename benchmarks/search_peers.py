"""Searches beside Dovecot: the same mail, in one run.

    python -m benchmarks search_peers            # 50,000 messages, Dovecot as it is
    python -m benchmarks.search_peers --mails 1000 --xapian

Each kind of search is asked of one server after the other, by the same client on loopback, with several
needles in turn. `first` is the first command of its kind; a server that takes long is asked less often (`n`).
CPU is of all the server's threads, for each command; peak is how much memory the process that grew the most
took on top of what it had before that kind. Hits are the mean of the needles that a server was asked.

`--xapian` adds a Dovecot with its plug-in fts_xapian. That one (1.5.5) makes pieces of 3 to 20 characters of
every word, which takes some 80 ms of CPU for each of these messages and ten times the octets of their text;
use it with a thousand messages. The plug-in squat of Debian's Dovecot 2.3.19 crashes when it is loaded, and
solr needs another server.

Where servers do not find the same, the line tells how many hits of ours the other lacks, and how many it has
besides. Dovecot by itself finds no phrase across the end of a line, but tags and styles of HTML, and two or
three letters in the hashes of signatures.
"""

import argparse
import base64
import http.client
import math
import os
import re
import shutil
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from benchmarks import mail_corpus as corpus
from benchmarks.search_index import vocabulary
from benchmarks.search_servers import PASSWORD, USER, Processes, Pymailcore, Server, dovecots

_SEARCH: Final = re.compile(rb"^\* (?:SEARCH|SORT)((?: \d+)*)\r?$", re.M)
_NEEDLES: Final = 20
_LEAST: Final = 3  # times a kind is asked, but for what takes very long
_USING: Final = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"]


class Kind(NamedTuple):
    """A kind of search.

    Attributes:
        textual: an index plug-in has a say in it.
    """

    name: str
    commands: Sequence[bytes]
    textual: bool = True


def kinds() -> Iterator[Kind]:
    """All that is asked."""
    words, _ = vocabulary()

    def some(low: int, high: int, least: int = 4) -> list[str]:
        """Words of some frequency, of so many letters at least."""
        there = [word for word in words[low:high] if len(word) >= least]
        return there[:: max(1, len(there) // _NEEDLES)][:_NEEDLES]

    def each(form: str, needles: Sequence[str]) -> list[bytes]:
        return [f"UID SEARCH {form.format(needle)}".encode() for needle in needles]

    yield Kind("TEXT rare word", each("TEXT {}", [corpus.rare(n) for n in range(corpus.RARE)]))
    yield Kind("TEXT word of 1 mail in 100", each("TEXT {}", some(2_000, 8_000)))
    yield Kind("TEXT frequent word", each("TEXT {}", some(100, 400)))
    pairs = [f"{one} TEXT {other}" for one, other in zip(some(200, 880), some(220, 900), strict=True)]
    yield Kind("TEXT two words", each("TEXT {}", pairs))
    yield Kind("TEXT phrase", each('TEXT "{}"', [corpus.PHRASE, corpus.PHRASE[4:], corpus.PHRASE[:-5]]))
    pairs = [f"{one} {other}" for one, other in zip(some(0, 60), some(60, 140), strict=False)]
    yield Kind("BODY phrase of frequent words", each('BODY "{}"', pairs))
    short = [word for word in words[:200] if len(word) == 2]
    pairs = [f"{one} {other}" for one, other in zip(short[:5], short[5:10], strict=True)]
    yield Kind("BODY phrase of short words", each('BODY "{}"', pairs))
    yield Kind("TEXT two letters", each("TEXT {}", short[:5]))
    inner = [word[1:-1] for word in words[3_000:] if len(word) > 7][: 100 * _NEEDLES : 100]
    yield Kind("TEXT inside a word", each("TEXT {}", inner))
    yield Kind("FROM", each("FROM {}", [corpus.sender(n * 37) for n in range(_NEEDLES)]))
    yield Kind("SUBJECT", each("SUBJECT {}", some(50, 500)))
    yield Kind("HEADER List-Id", each("HEADER List-Id {}", [corpus.list_id(n) for n in range(_NEEDLES)]))
    yield Kind("TEXT of no mail", each("TEXT {}", [f"qq{word}qq" for word in some(900, 2_000)]))
    yield Kind("SORT (REVERSE DATE)", [b"UID SORT (REVERSE DATE) UTF-8 ALL"], textual=False)
    yield Kind("SORT (SUBJECT)", [b"UID SORT (SUBJECT) UTF-8 ALL"], textual=False)
    yield Kind("THREAD REFERENCES", [b"UID THREAD REFERENCES UTF-8 ALL"], textual=False)


class Imap:
    """A blocking client."""

    def __init__(self, server: Server) -> None:
        self._peer, self.processes = server.connect()
        self._peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._peer.settimeout(300)
        self._peer.recv(65_536)
        if server.logs_in:
            self.ask(f'LOGIN {USER} "{PASSWORD}"'.encode())
        self.ask(b"SELECT INBOX")

    def ask(self, line: bytes) -> bytes:
        """Send a command; all that came until its tagged answer.

        Raises:
            RuntimeError: it is neither OK nor that the search takes too long.
        """
        self._peer.sendall(b"zz9 " + line + b"\r\n")
        pieces: list[bytes] = []
        tail = b""
        while b"zz9 " not in tail or not tail.endswith(b"\r\n"):
            piece = self._peer.recv(1_048_576)
            if not piece:
                raise RuntimeError(f"the connection ended at {line!r}: {b''.join(pieces)[-500:]!r}")
            pieces.append(piece)
            tail = (tail + piece)[-4_096:]  # more than the longest tagged line, which is that of LOGIN
        answer = b"".join(pieces)
        if b"zz9 OK" not in tail and b"zz9 NO [LIMIT]" not in tail:
            raise RuntimeError(f"{line!r}: {tail!r}")
        return answer

    def close(self) -> None:
        """End it."""
        self._peer.close()


@dataclass
class Figures:
    """What one kind took one server."""

    times: list[float] = field(default_factory=list)
    cpu_ms: float = 0.0
    peak_kib: int = 0
    answers: dict[bytes, bytes] = field(default_factory=dict)

    @property
    def p50(self) -> float:
        """The median of all but the first."""
        return statistics.median(self.times[1:] or self.times)

    @property
    def p95(self) -> float:
        """The worst but a twentieth of all but the first."""
        later = sorted(self.times[1:] or self.times)
        return later[max(0, math.ceil(len(later) * 0.95) - 1)]

    def line(self, hits: str) -> str:
        """Print it."""
        return (
            f"first {self.times[0]:8.1f}  p50 {self.p50:8.2f}  p95 {self.p95:8.2f} ms  n {len(self.times):3}"
            f"  CPU {self.cpu_ms:8.2f} ms  peak +{self.peak_kib / 1024:5.1f} MiB  {hits}"
        )


def measured(
    ask: Callable[[bytes], bytes], processes: Processes, commands: Sequence[bytes], given: argparse.Namespace
) -> Figures:
    """Ask as often as was wanted, or as time allows."""
    figures = Figures()
    wanted = max(given.runs, len(commands)) + 1
    memory = processes.memory("VmRSS")
    processes.reset_peak()
    cpu = processes.cpu_ms()
    begun = time.perf_counter()
    while len(figures.times) < wanted:
        command = commands[len(figures.times) % len(commands)]
        asked = time.perf_counter()
        answer = ask(command)
        figures.times.append((time.perf_counter() - asked) * 1000)
        figures.answers[command] = answer
        spent = time.perf_counter() - begun
        if spent > (given.seconds if len(figures.times) >= _LEAST else 5 * given.seconds):
            break
    figures.cpu_ms = (processes.cpu_ms() - cpu) / len(figures.times)
    peaks = zip(processes.memory("VmHWM"), memory, strict=True)
    figures.peak_kib = max(high - before for high, before in peaks)
    return figures


def uids_of(answer: bytes) -> list[int]:
    """What a SEARCH or SORT found."""
    match = _SEARCH.search(answer)
    return [int(number) for number in match[1].split()] if match else []


def is_refused(answer: bytes) -> bool:
    """Whether the server gave up."""
    return b"zz9 NO [LIMIT]" in answer


def thread_of(answer: bytes) -> bytes:
    """What a THREAD gave."""
    return next((line for line in answer.split(b"\r\n") if line.startswith(b"* THREAD")), b"")


def compared(kind: Kind, ours: Figures, theirs: Figures) -> str:
    """How the answers to the commands that both were asked differ."""
    common = {
        command
        for command in ours.answers.keys() & theirs.answers.keys()
        if not is_refused(ours.answers[command])
    }
    pairs = [(ours.answers[command], theirs.answers[command]) for command in common]
    if kind.name.startswith("THREAD"):
        same = all(thread_of(one) == thread_of(other) for one, other in pairs)
        return "same threads" if same else "other threads"
    if kind.name.startswith("SORT"):
        same = all(uids_of(one) == uids_of(other) for one, other in pairs)
        return "same order" if same else "another order"
    more = sum(len(set(uids_of(one)) - set(uids_of(other))) for one, other in pairs)
    fewer = sum(len(set(uids_of(other)) - set(uids_of(one))) for one, other in pairs)
    return f"lacks {more}, has {fewer} more" if more or fewer else "same hits"


def hits_of(kind: Kind, figures: Figures) -> str:
    """How much was found, in the mean."""
    if kind.name.startswith("THREAD"):
        return f"{thread_of(next(iter(figures.answers.values()))).count(b'('):7} lists"
    answers = [answer for answer in figures.answers.values() if not is_refused(answer)]
    refused = len(figures.answers) - len(answers)
    found = statistics.mean([len(uids_of(answer)) for answer in answers] or [0])
    return f"{found:7.0f} hits" + (f", gave up {refused} of {len(figures.answers)}" if refused else "")


def by_imap(servers: Sequence[Server], given: argparse.Namespace) -> None:
    """Ask one kind after the other of one server after the other."""
    clients = [Imap(server) for server in servers]
    for kind in kinds():
        if given.only not in kind.name:
            continue
        print(f"\n{kind.name}")
        first: Figures | None = None
        for server, client in zip(servers, clients, strict=True):
            if server.has_index and not kind.textual:
                continue
            figures = measured(client.ask, client.processes, kind.commands, given)
            line = figures.line(hits_of(kind, figures))
            if first is None:
                first = figures
            else:
                line += f"  {figures.p50 / first.p50:8.2f} times ours, {compared(kind, first, figures)}"
            print(f"  {server.name:12} {line}", flush=True)
    for server, client in zip(servers, clients, strict=True):
        rss = sum(client.processes.memory("VmRSS")) / 1024
        print(f"  {server.name:12} RSS of all its processes afterwards {rss:6.1f} MiB")
        client.close()


class Jmap:
    """A blocking client of JMAP."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        signed = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        self._headers = {"Authorization": f"Basic {signed}", "Content-Type": "application/json"}
        self._http.request("GET", "/jmap/session", headers=self._headers)
        session = orjson.loads(self._http.getresponse().read())
        self.account = next(iter(session["accounts"]))

    def ask(self, calls: bytes) -> bytes:
        """Send a request."""
        self._http.request("POST", "/jmap/api", body=calls, headers=self._headers)
        answer = self._http.getresponse()
        octets = answer.read()
        if answer.status != http.client.OK or b'["error"' in octets:
            raise RuntimeError(f"{calls!r}: {answer.status} {octets[:500]!r}")
        return octets

    def request(self, text: str, *, total: bool = False, snippets: bool = False) -> bytes:
        """Email/query for a text, the newest fifty."""
        query = {
            "accountId": self.account,
            "filter": {"text": text},
            "sort": [{"property": "receivedAt", "isAscending": False}],
            "limit": 50,
            "calculateTotal": total,
        }
        calls: list[list[object]] = [["Email/query", query, "q"]]
        if snippets:
            found = {"resultOf": "q", "name": "Email/query", "path": "/ids"}
            wanted = {"accountId": self.account, "filter": {"text": text}, "#emailIds": found}
            calls.append(["SearchSnippet/get", wanted, "s"])
        return orjson.dumps({"using": _USING, "methodCalls": calls})


def by_jmap(server: Pymailcore, given: argparse.Namespace) -> None:
    """Ask this tree by JMAP."""
    words, _ = vocabulary()
    client = Jmap(server.http)
    _, processes = server.connect()
    rare = [corpus.rare(n) for n in range(corpus.RARE)]
    frequent = [word for word in words[100:400] if len(word) > 3][::12][:_NEEDLES]
    phrases = ['"' + corpus.PHRASE + '"', '"' + corpus.PHRASE[4:] + '"']
    asked = {
        "text rare word": [client.request(word) for word in rare],
        "text frequent word": [client.request(word) for word in frequent],
        "text frequent word, total": [client.request(word, total=True) for word in frequent],
        "text phrase": [client.request(phrase) for phrase in phrases],
        "frequent word + 50 snippets": [client.request(word, snippets=True) for word in frequent],
        "rare word + snippets": [client.request(word, snippets=True) for word in rare],
        "phrase + 50 snippets": [client.request(phrase, snippets=True) for phrase in phrases],
    }
    print("\nJMAP, pymailcore: Email/query of the newest fifty, and SearchSnippet/get")
    for name, requests in asked.items():
        figures = measured(client.ask, processes, requests, given)
        answers = [orjson.loads(answer)["methodResponses"] for answer in figures.answers.values()]
        ids = statistics.mean(len(answer[0][1]["ids"]) for answer in answers)
        found = f"{ids:5.1f} ids"
        if "snippets" in name:
            listed = [one for answer in answers for one in answer[1][1]["list"]]
            marked = sum("<mark>" in f"{one['subject']}{one['preview']}" for one in listed)
            found += f", {marked} of {len(listed)} snippets marked"
        print(f"  {name:28} {figures.line(found)}", flush=True)


def fill(maildir: Path, count: int) -> tuple[int, int]:
    """Write the messages into a Maildir; gives their octets and those of their texts."""
    made = maildir.parent / "made"
    if made.exists():
        octets, text = map(int, made.read_text("ascii").split())
        return octets, text
    for name in ("cur", "new", "tmp"):
        (maildir / name).mkdir(parents=True)
    octets, text = 0, 0
    for number, mail in enumerate(corpus.Corpus(count)):
        path = maildir / "cur" / f"{mail.seconds}.M{number:06}P1.bench,S={len(mail.octets)}:2,S"
        path.write_bytes(mail.octets)
        os.utime(path, (mail.seconds, mail.seconds))
        octets += len(mail.octets)
        text += mail.text_octets
    if os.geteuid() == 0:
        shutil.chown(maildir, 65534)
        for path in maildir.rglob("*"):
            os.chown(path, 65534, -1)
    made.write_text(f"{octets} {text}", "ascii")
    return octets, text


def compare(given: argparse.Namespace, folder: Path) -> None:
    """Prepare all of them, then ask."""
    folder.chmod(0o711)
    maildir = folder / "Maildir"
    begun = time.perf_counter()
    octets, text = fill(maildir, given.mails)
    print(
        f"{given.mails} messages of {octets / given.mails:.0f} octets, {text / 1e6:.1f} MB of text,"
        f" ready in {time.perf_counter() - begun:.0f} s",
        flush=True,
    )
    ours = Pymailcore(folder / "pymailcore", given.processes)
    wanted: list[Server] = [ours]
    if not given.alone:
        wanted += dovecots(folder / "dovecot", xapian=given.xapian)
    servers: list[Server] = []
    try:
        for server in wanted:
            server.prepare(maildir, text)
            servers.append(server)
            print(f"  {server.name:12} {'; '.join(server.notes)}", flush=True)
        by_imap(servers, given)
        if not given.only:
            by_jmap(ours, given)
    finally:
        for server in servers:
            server.stop()


def main() -> None:
    """Compare, in a folder of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mails", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=12.0, help="for one kind of one server, about")
    parser.add_argument("--processes", type=int, default=2, help="of pymailcore")
    parser.add_argument("--xapian", action="store_true", help="add a Dovecot with fts_xapian")
    parser.add_argument("--only", default="", help="kinds that have this in their names, by IMAP")
    parser.add_argument("--alone", action="store_true", help="without Dovecot")
    parser.add_argument("--folder", type=Path, help="on the disk that is to be measured")
    parser.add_argument("--keep", type=Path, help="a folder that is kept, and what is in it used again")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers are stopped then, too
    folder = given.keep or Path(tempfile.mkdtemp(dir=given.folder))
    folder.mkdir(parents=True, exist_ok=True)
    before = os.getloadavg()[0]
    try:
        compare(given, folder)
    finally:
        if given.keep is None:
            shutil.rmtree(folder)
    print(f"{os.cpu_count()} cores, load {before:.1f} before and {os.getloadavg()[0]:.1f} after", flush=True)


if __name__ == "__main__":
    main()
