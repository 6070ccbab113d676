"""A directory over a real store, with an account, for tests of signing in."""

import hashlib
from dataclasses import dataclass, field

from tests.support.directories import CHEAP, Clock, address, mint
from tests.support.stores import Opened

from pymailcore.directory.actors import Actor
from pymailcore.directory.directory import Directory
from pymailcore.directory.settings import DirectorySettings
from pymailcore.directory.types import Account, Principal
from pymailcore.runtime.shared_counters import SharedCounters
from pymailcore.sasl.steps import Credentials

ROOT = Actor.operator("root")
NAME = "ann@a.example"
PASSWORD = "correct horse"
PEER = "192.0.2.1"


class Octets:
    """Octets that are other ones each time, and the same in every run."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, size: int) -> bytes:
        """The next octets."""
        self._count += 1
        return hashlib.shake_128(self._count.to_bytes(8, "big")).digest(size)


@dataclass
class SignInWorld:
    """A directory, its clock, and ann@a.example."""

    directory: Directory
    opened: Opened
    clock: Clock
    ann: Account
    notices: list[tuple[int, int]] = field(default_factory=list)

    async def sign_in(
        self,
        password: str = PASSWORD,
        *,
        name: str = NAME,
        peer: str = PEER,
        protocol: str = "imap",
        authorization_id: str = "",
    ) -> Principal:
        """Sign in with a name and a password."""
        return await self.directory.authenticate(
            Credentials(name, authorization_id, password), peer=peer, protocol=protocol
        )

    async def add(self, name: str, password: str | None = PASSWORD) -> Account:
        """One more account."""
        return await self.directory.accounts.add(ROOT, address(name), password)

    def another(
        self, settings: DirectorySettings = CHEAP, counters: SharedCounters | None = None
    ) -> Directory:
        """A second process over the same tables, without notices."""
        return Directory(
            self.opened.store.database,
            self.opened.store,
            mint(self.clock),
            lambda *_: None,
            settings,
            now_ms=self.clock,
            counters=counters,
        )

    async def rows(self, sql: str, *args: object) -> list[tuple[object, ...]]:
        """Look into the tables."""
        return [tuple(row) for row in await self.opened.store.database.read(lambda tx: tx.rows(sql, *args))]

    async def run(self, sql: str, *args: object) -> None:
        """Change the tables behind the directory's back."""
        await self.opened.store.database.write(lambda tx: tx.run(sql, *args))
        self.directory.forget()

    async def generation(self) -> object:
        """Of ann's account."""
        return (await self.rows("SELECT generation FROM accounts WHERE id = ?1", self.ann.id))[0][0]


async def make_sign_in_world(opened: Opened, settings: DirectorySettings = CHEAP) -> SignInWorld:
    """A directory in which ann@a.example has the password `PASSWORD`."""
    clock, notices = Clock(), list[tuple[int, int]]()

    def publish(channel: int, value: int) -> None:
        notices.append((channel, value))

    directory = Directory(
        opened.store.database,
        opened.store,
        mint(clock),
        publish,
        settings,
        now_ms=clock,
        random_bytes=Octets(),
    )
    await directory.domains.add(ROOT, "a.example")
    ann = await directory.accounts.add(ROOT, address(NAME), PASSWORD)
    return SignInWorld(directory, opened, clock, ann, notices)
