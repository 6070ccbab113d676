"""Mail by SMTP, beside Postfix with Dovecot and beside aiosmtpd: one case on each server in turn, in one run.

    python -m benchmarks.smtp_peers                     # all cases; 13 minutes on a quiet machine
    python -m benchmarks.smtp_peers --quick             # the cases that goals are set for; 3 minutes
    python -m benchmarks.smtp_peers --quick --seconds 1 --without Postfix --without aiosmtpd
    python -m benchmarks.smtp_peers --kinds small --connections 20 --per-connection 1 --runs 3

Mail is stored by the whole of `pymailcore serve` (two front workers), and by Postfix that hands it to Dovecot
by LMTP, into a Maildir or into mdbox, all as durable as they are by default. It is thrown away by this
tree's SMTP driver and by aiosmtpd, in one process each. Small mails have 8 KiB; large ones 1.4 MiB with a
file of 1 MiB, the same one in every second mail.

`mail/s` counts until the last mail can be read, so what a server has only queued counts against it; p50 and
p99 are from the last octet of a mail to its reply. CPU is of all the server's processes for 1,000 mails,
until the last one can be read, but for the one that indexes; `with index` is of all until they are idle, and
`idle` how long that took. Disk is looked at when the servers have ended. Each server is sent mail for a
second first.

The load comes from `smtp_load`, in a process of its own on the same machine; `gen` is the part of one core
that it took. Postfix and Dovecot need root.
"""

import argparse
import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.smtp_load import Outcome
from benchmarks.smtp_mails import write_pool
from benchmarks.smtp_servers import Server, aiosmtpd, discarding, postfix_dovecot, storing

_HEADINGS: Final = (
    f"{'case':28s} {'server':24s} {'mail/s':>7s} {'MB/s':>6s} {'conn/s':>6s} {'p50 ms':>7s} {'p99 ms':>7s} "
    f"{'CPU':>6s} {'with index':>10s} {'idle':>5s} {'gen':>5s}"
)
_OURS: Final = "pymailcore"
_OURS_DISCARDING: Final = "pymailcore, discarding"
_MAILDIR: Final = "Postfix, Dovecot maildir"
_MDBOX: Final = "Postfix, Dovecot mdbox"
_AIOSMTPD: Final = "aiosmtpd, discarding"


class Case(NamedTuple):
    """What is sent."""

    kind: str
    connections: int
    per_connection: int = 1
    tls: bool = False
    one_by_one: bool = False

    def __str__(self) -> str:
        how = "TLS" if self.tls else "plain"
        how += ", one by one" if self.one_by_one else ""
        return f"{self.kind} {self.connections}x{self.per_connection} {how}"


@dataclass(frozen=True, slots=True)
class Result:
    """What a server made of it.

    Attributes:
        seconds: until the last mail could be read.
        cpu: seconds until then, but for indexing.
        cpu_idle: seconds until the server had nothing left to do.
    """

    load: Outcome
    seconds: float
    cpu: float
    cpu_idle: float
    idle_seconds: float

    @property
    def rate(self) -> float:
        """Mails a second."""
        return self.load.mails / self.seconds

    @property
    def megabytes(self) -> float:
        """Of mail data, a second."""
        return self.load.octets / self.seconds / 1e6

    @property
    def cpu_per_1000(self) -> float:
        """CPU seconds for 1,000 mails."""
        return self.cpu / self.load.mails * 1000

    @property
    def all_cpu_per_1000(self) -> float:
        """The same, with what is done later."""
        return self.cpu_idle / self.load.mails * 1000

    def __str__(self) -> str:
        load = self.load
        return (
            f"{self.rate:7.0f} {self.megabytes:6.1f} {load.sessions / self.seconds:6.0f} {load.p50_ms:7.2f} "
            f"{load.p99_ms:7.1f} {self.cpu_per_1000:6.2f} {self.all_cpu_per_1000:10.2f} "
            f"{self.idle_seconds:5.1f} {load.cpu / load.seconds:5.2f}"
            + (f"  {load.failed} failed" if load.failed else "")
        )


@dataclass(frozen=True, slots=True)
class Results:
    """All of them.

    Attributes:
        runs: by case and server.
        disk: octets on the disk over octets sent, by kind of mail and server.
    """

    runs: dict[tuple[Case, str], list[Result]] = field(default_factory=dict)
    disk: dict[tuple[str, str], float] = field(default_factory=dict)

    def median(self, case: Case, name: str) -> float | None:
        """The median of a figure of ours over the runs; None where it was not taken."""
        runs = self.runs.get((case, _OURS))
        return statistics.median(_of(run, name) for run in runs) if runs else None

    def ratio(self, case: Case, one: str, other: str, name: str) -> float | None:
        """The median over the runs of how one compares with the other in the same run."""
        pairs = zip(self.runs.get((case, one), []), self.runs.get((case, other), []), strict=False)
        ratios = [_of(mine, name) / _of(theirs, name) for mine, theirs in pairs]
        return statistics.median(ratios) if ratios else None


class Goal(NamedTuple):
    """A figure and what it is to be."""

    what: str
    reached: float | None
    least: float = 0.0
    most: float = math.inf

    def __str__(self) -> str:
        if self.reached is None:
            return f"{self.what:64s} not taken"
        bound = f">= {self.least:g}" if self.least else f"<= {self.most:g}"
        verdict = "" if self.least <= self.reached <= self.most else "   SHORT"
        return f"{self.what:64s} {self.reached:8.2f}   {bound}{verdict}"


def goals(results: Results) -> list[Goal]:
    """What is to be reached."""
    small, large = Case("small", 20), Case("large", 20)
    out = [
        Goal(f"{small}: mail/s over Maildir's", results.ratio(small, _OURS, _MAILDIR, "rate"), least=5),
        Goal(f"{small}: mail/s over mdbox's", results.ratio(small, _OURS, _MDBOX, "rate"), least=4),
        Goal(f"{small}: CPU over Maildir's", results.ratio(small, _OURS, _MAILDIR, "cpu_per_1000"), most=0.2),
        Goal(f"{small}: CPU with indexing over Maildir's",
             results.ratio(small, _OURS, _MAILDIR, "all_cpu_per_1000"), most=0.25),
    ]  # fmt: skip
    for connections, name, most in ((1, "p50_ms", 1.2), (20, "p99_ms", 25.0), (100, "p99_ms", 60.0)):
        case = Case("small", connections)
        out.append(Goal(f"{case}: {name[:3]} of the reply, ms", results.median(case, name), most=most))
    discarding = (small, Case("small", 20, 10), Case("small", 20, 1, one_by_one=True))
    for case in discarding:
        ratio = results.ratio(case, _OURS_DISCARDING, _AIOSMTPD, "rate")
        out.append(Goal(f"{case}, discarding: mail/s over aiosmtpd's", ratio, least=1.5))
    return [
        *out,
        Goal(f"{large}: MB/s stored", results.median(large, "megabytes"), least=60),
        Goal(f"{large}: mail/s over Maildir's", results.ratio(large, _OURS, _MAILDIR, "rate"), least=2),
        Goal("disk of small mail over octets sent", results.disk.get(("small", _OURS)), most=0.6),
        Goal("disk of large mail over octets sent", results.disk.get(("large", _OURS)), most=0.4),
    ]


def _of(result: Result, name: str) -> float:
    return float(getattr(result.load if name in {"p50_ms", "p99_ms"} else result, name))


def quick_cases() -> list[Case]:
    """Those that goals are set for."""
    return [
        Case("small", 1),
        Case("small", 20),
        Case("small", 100),
        Case("small", 20, 10),
        Case("large", 20),
    ]


def all_cases() -> list[Case]:
    """All of them; the discarding servers are also asked without pipelining."""
    cases = [
        Case("small", connections, per_connection, tls)
        for per_connection in (1, 10)
        for tls in (False, True)
        for connections in (1, 20, 100, 200)
    ]
    cases += [Case("small", 20, 1, one_by_one=True), Case("small", 20, 10, one_by_one=True)]
    return cases + [
        Case("large", connections, 1, tls) for tls in (False, True) for connections in (1, 20, 100)
    ]


def send(server: Server, case: Case, pool: Path, seconds: float) -> Result:
    """Send for so many seconds, and wait until all of it can be read and nothing is left to do."""
    arguments = ["--seconds", str(seconds), "--connections", str(case.connections)]
    arguments += ["--per-connection", str(case.per_connection), "--first", str(server.first)]
    arguments += ["--tls"] * case.tls + ["--one-by-one"] * case.one_by_one
    before, behind = server.cpu(), server.cpu_behind()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.smtp_load", str(server.port), str(pool), *arguments],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    accepted = time.perf_counter()
    load = Outcome(**json.loads(done.stdout))
    server.first = load.first
    server.mails += load.mails
    server.wait_stored()
    waited = time.perf_counter() - accepted
    cpu = server.cpu() - before - (server.cpu_behind() - behind)
    idle_seconds = server.wait_idle()
    return Result(load, load.seconds + waited, cpu, server.cpu() - before, idle_seconds)


@contextlib.contextmanager
def running(folder: Path, without: Sequence[str]) -> Iterator[list[Server]]:
    """All servers but those whose names begin like so."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(storing(folder / "pymailcore"))]
        certificate = folder / "pymailcore" / "data" / "tls" / "self-signed.pem"
        others: dict[str, Callable[[], AbstractContextManager[Server]]] = {
            _MAILDIR: lambda: postfix_dovecot(folder / "maildir", "maildir", certificate),
            _MDBOX: lambda: postfix_dovecot(folder / "mdbox", "mdbox", certificate),
            _OURS_DISCARDING: lambda: discarding(certificate),
            _AIOSMTPD: lambda: aiosmtpd(folder, certificate),
        }
        for name, make in others.items():
            if not name.startswith(tuple(without)):
                servers.append(stack.enter_context(make()))
        yield servers


def measure(cases: Sequence[Case], folder: Path, given: argparse.Namespace, results: Results) -> None:
    """Send all cases of one kind to all servers, and tell what their mail takes on the disk."""
    pool = folder / "pool"
    folder.mkdir()
    write_pool(cases[0].kind, pool)
    with running(folder, given.without) as servers:
        sent = {server.name: warm_up(server, pool) for server in servers}
        for case in cases:
            for _ in range(given.runs):
                for server in servers:
                    if case.one_by_one and server.keeps:
                        continue
                    result = send(server, case, pool, given.seconds)
                    results.runs.setdefault((case, server.name), []).append(result)
                    sent[server.name] += result.load.octets
                    print(f"{case!s:28s} {server.name:24s} {result}", flush=True)
    for server in servers:  # they have ended, so logs of databases are empty
        if server.keeps:
            share, text = (octets() / sent[server.name] for octets in (server.octets, server.text_octets))
            results.disk[cases[0].kind, server.name] = share
            print(
                f"disk of {cases[0].kind} mail, {server.name}: {share:.2f} of what was sent"
                + (f", text index {text:.2f}" if text else "")
            )


def warm_up(server: Server, pool: Path) -> int:
    """Send the first mails, which find nothing prepared; how many octets."""
    return send(server, Case("", 4), pool, 1.0).load.octets


def chosen_cases(given: argparse.Namespace) -> list[Case]:
    """The cases that the command line asks for."""
    cases = quick_cases() if given.quick else all_cases()
    return [
        case
        for case in cases
        if case.kind in given.kinds
        and case.connections in (given.connections or [case.connections])
        and case.per_connection in (given.per_connection or [case.per_connection])
        and not (given.plain and case.tls)
    ]


def main() -> None:
    """Measure, and print the goals beside what was reached."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="only the cases that goals are set for")
    parser.add_argument("--seconds", type=float, default=3.0, help="of sending, for each case and server")
    parser.add_argument("--runs", type=int, default=1, help="of each case on each server, in turn")
    parser.add_argument("--kinds", nargs="+", default=["small", "large"], choices=["small", "large"])
    parser.add_argument("--connections", nargs="+", type=int, help="only cases with so many")
    parser.add_argument("--per-connection", nargs="+", type=int, help="only cases with so many mails on each")
    parser.add_argument("--plain", action="store_true", help="only cases without TLS")
    parser.add_argument("--without", action="append", default=[], help="servers whose names begin like so")
    parser.add_argument("--folder", type=Path, help="on the disk that is to be measured")
    given = parser.parse_args()
    cases = chosen_cases(given)
    results = Results()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n{_HEADINGS}", flush=True)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        Path(folder).chmod(0o755)
        for kind in given.kinds:
            mine = [case for case in cases if case.kind == kind]
            if mine:
                measure(mine, Path(folder) / kind, given, results)
    print(f"\nload {os.getloadavg()[0]:.1f}\n")
    for goal in goals(results):
        print(goal)


if __name__ == "__main__":
    main()
