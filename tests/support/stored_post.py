"""Directory, queue, delivery and submission over a real store, as each of several processes has them."""

from dataclasses import dataclass

from tests.support.directories import CHEAP, Clock, address, mint
from tests.support.stores import Opened

from pymailcore.base.envelope import PLAIN, Envelope, Terms
from pymailcore.base.ids import AccountId, IdMint, TenantId
from pymailcore.delivery.delivery import Delivery
from pymailcore.directory.actors import Actor
from pymailcore.directory.directory import Directory
from pymailcore.queue.queue import Queue
from pymailcore.queue.settings import QueueSettings
from pymailcore.store.types import Row
from pymailcore.submission.settings import SubmissionSettings
from pymailcore.submission.submission import Origin, Submission

ROOT = Actor.operator("root")
ORIGIN = Origin(hello="client.example", peer="192.0.2.9")


@dataclass
class Process:
    """What one process has."""

    opened: Opened
    clock: Clock
    ids: IdMint
    directory: Directory
    queue: Queue
    delivery: Delivery

    async def submit(
        self,
        settings: SubmissionSettings,
        sender: AccountId,
        name: str,
        *recipients: str,
        terms: Terms = PLAIN,
    ) -> None:
        """Send a message with the sender's name in it."""
        submission = Submission(
            self.directory, self.delivery, settings, hostname="mx.example", ids=self.ids, now_ms=self.clock
        )
        named = tuple(map(address, recipients))
        envelope = Envelope(reverse_path=address(name), recipients=named, terms=terms)
        octets = f"From: <{name}>\r\nSubject: hi\r\n\r\nbuy\r\n".encode()
        await submission.submit(await self.directory.principal(sender), envelope, octets, origin=ORIGIN)

    async def add(self, name: str, tenant: TenantId | None = None) -> AccountId:
        """Make an account; with a tenant given its domain, too."""
        if tenant is not None:
            await self.directory.domains.add(ROOT, name.partition("@")[2], tenant=tenant)
        return (await self.directory.accounts.add(ROOT, address(name))).id

    async def rows(self, sql: str, *args: object) -> list[Row]:
        """Look into the tables."""
        return [tuple(row) for row in await self.opened.store.database.read(lambda tx: tx.rows(sql, *args))]

    async def states(self) -> dict[str, int]:
        """How many recipients of the queue are in which state."""
        sql = "SELECT state, count(*) AS many FROM queue_recipients GROUP BY state"
        return dict(await self.rows(sql))


def make_process(
    opened: Opened, clock: Clock, ids: IdMint | None = None, settings: QueueSettings | None = None
) -> Process:
    """One process over a store; several share the clock and the mint."""
    ids = ids or mint(clock)
    database, store = opened.store.database, opened.store
    directory = Directory(database, store, ids, lambda *_: None, CHEAP, now_ms=clock)
    queue = Queue(database, store, lambda *_: None, settings or QueueSettings(), now_ms=clock)
    return Process(opened, clock, ids, directory, queue, Delivery(store, directory, queue, ids))
