"""A mail server inside the test's own process: real sockets, a real store, in a folder of its own.

It runs in a thread with a trio loop of its own, so the test may use whatever it likes: smtplib, imaplib, a
browser, asyncio. Ports are free loopback ports; passwords may travel in clear there; nothing leaves the
machine.
"""

import contextlib
import tempfile
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import trio

from pymailcore.app.core import Core
from pymailcore.app.startup import take_hold
from pymailcore.base.address import Address
from pymailcore.base.errors import AlreadyExists, InvalidValue
from pymailcore.config.read import read_text
from pymailcore.directory.actors import SYSTEM
from pymailcore.directory.permissions import INSTALLATION, OPERATOR
from pymailcore.runtime.certificates import CERTIFICATE
from pymailcore.runtime.self_signed import make_self_signed
from pymailcore.worker.single import Single

T = TypeVar("T")

_START_SECONDS: Final = 30.0
_PLACES: Final = (
    ("smtp", "smtp", "starttls", True),
    ("submission", "submission", "starttls", True),
    ("submissions", "submission", "implicit", False),
    ("imap", "imap", "starttls", True),
    ("imaps", "imap", "implicit", False),
    ("http", "http", "none", True),
    ("https", "http", "implicit", False),
)
_CHEAP: Final = "[directory]\nargon2_memory_kib = 64\nargon2_time_cost = 1\nscram_iterations_count = 64\n"


class MailServer:
    """A server with one domain; used as a context manager.

    Args:
        folder: where it keeps its data; a temporary folder when None, gone afterwards.
        domain: its first domain.
        hostname: its name.
        metadata: URL of a PostgreSQL database for its tables; SQLite in its folder when empty.
        settings: further TOML for the configuration, such as `[smtp]` tables.
        repair_line_ends: the submission listeners mend lone CR and LF.

    Attributes:
        ports: by name: `smtp`, `submission`, `submissions`, `imap`, `imaps`, `http`, `https`.
        certificate: PEM of the self-signed certificate that it shows, for clients that verify.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        domain: str = "example.test",
        hostname: str = "localhost",
        metadata: str = "",
        settings: str = "",
        repair_line_ends: bool = False,
    ) -> None:
        self.domain = domain
        self.hostname = hostname
        self.host: Final = "127.0.0.1"
        self.ports: dict[str, int] = {}
        self.certificate = b""
        self._folder = folder
        self._metadata = metadata
        self._settings = settings
        self._repair_line_ends = repair_line_ends
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._fault: BaseException | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._single: Single | None = None
        self._cleaning = contextlib.ExitStack()

    def start(self) -> None:
        """Start, and return when every port answers.

        Raises:
            Exception: whatever kept it from starting.
        """
        folder = self._folder
        if folder is None:
            folder = Path(self._cleaning.enter_context(tempfile.TemporaryDirectory(prefix="pymailcore-")))
        data = folder / "data"
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        configuration = read_text(self._text(), folder)
        if not (configuration.tls_folder / CERTIFICATE).exists():
            make_self_signed(configuration.tls_folder, configuration.hostname)
        held = take_hold(configuration)
        self.certificate = held.material.certificate
        for (name, *_), listening in zip(_PLACES, held.sockets, strict=True):
            self.ports[name] = listening.getsockname()[1]

        async def serve() -> None:
            self._token = trio.lowlevel.current_trio_token()
            single = self._single = Single(configuration, held, None)
            async with trio.open_nursery() as nursery:
                await nursery.start(single.run)
                with contextlib.suppress(AlreadyExists):
                    await single.core.directory.domains.add(SYSTEM, self.domain)
                self._started.set()

        def run() -> None:
            try:
                trio.run(serve)
            except BaseException as fault:
                self._fault = fault
            finally:
                held.close()
                self._started.set()

        self._thread = threading.Thread(target=run, name="pymailcore", daemon=True)
        self._thread.start()
        if not self._started.wait(_START_SECONDS):
            raise TimeoutError("the server does not start")
        if self._fault is not None:
            self._thread.join()
            raise self._fault

    def stop(self) -> None:
        """Stop: connections get a moment to end."""
        if self._thread is not None and self._token is not None and self._single is not None:
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._single.context.acceptor.draining.set)
            self._thread.join(_START_SECONDS)
        self._cleaning.close()
        if self._fault is not None:
            raise self._fault

    def add_account(self, address: str, password: str, *, admin: bool = False) -> str:
        """Make an account; `anna` alone is `anna@` the server's domain. Gives the full address."""
        if "@" not in address:
            address = f"{address}@{self.domain}"
        parsed = Address.parse(address)
        if parsed is None:
            raise InvalidValue(f"{address!r} is no mail address")

        async def work(core: Core) -> None:
            account = await core.directory.accounts.add(SYSTEM, parsed, password)
            if admin:
                await core.directory.roles.grant(SYSTEM, account.id, OPERATOR, INSTALLATION)

        self.run(work)
        return address

    def run(self, work: Callable[[Core], Awaitable[T]]) -> T:
        """Run a piece of work with the server's own objects, in its loop, and wait for its end.

        `work` gets the `Core`: store, directory, queue, delivery, submission.
        """
        single = self._single
        if single is None:
            raise RuntimeError("the server does not run")

        async def call() -> T:
            return await work(single.core)

        return trio.from_thread.run(call, trio_token=self._token)

    def _text(self) -> str:
        listeners = "".join(
            f'[[listener]]\nprotocol = "{protocol}"\nbind = "127.0.0.1:0"\ntls = "{tls}"\n'
            f"plaintext_login = {'true' if plain else 'false'}\n"
            + ("repair_line_ends = true\n" if self._repair_line_ends and protocol == "submission" else "")
            for _name, protocol, tls, plain in _PLACES
        )
        cheap = "" if "[directory]" in self._settings else _CHEAP
        quick_end = "" if "[connections]" in self._settings else "[connections]\ndrain_seconds = 2\n"
        no_metrics = "" if "[metrics]" in self._settings else '[metrics]\nbind = ""\n'
        own = cheap + quick_end + no_metrics
        tables = f'metadata = "{self._metadata}"\n' if self._metadata else ""
        return f'hostname = "{self.hostname}"\ndata = "data"\n{tables}{own}{self._settings}\n{listeners}'

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
