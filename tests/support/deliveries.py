"""A directory with two accounts, a queue and delivery over a store in memory."""

from dataclasses import dataclass

from tests.support.directories import Clock, World, address, make_world

from pymailcore.base.envelope import Envelope
from pymailcore.delivery.delivery import Delivery
from pymailcore.directory.actors import SYSTEM
from pymailcore.directory.types import Account
from pymailcore.queue.queue import Queue
from pymailcore.queue.settings import QueueSettings
from pymailcore.runtime.hub import ChangeHub

MESSAGE = b"From: <ann@a.example>\r\nTo: <x@b.example>\r\nSubject: hi\r\n\r\ntext\r\n"


@dataclass
class Post(World):
    """A world in which mail can be delivered; ann and ben have accounts in a.example."""

    queue: Queue
    delivery: Delivery
    ann: Account
    ben: Account


async def make_post(
    settings: QueueSettings | None = None, *, clock: Clock | None = None, hub: ChangeHub | None = None
) -> Post:
    """Build it."""
    world = make_world(clock=clock)
    await world.directory.domains.add(SYSTEM, "a.example")
    ann = await world.directory.accounts.add(SYSTEM, address("ann@a.example"), None)
    ben = await world.directory.accounts.add(SYSTEM, address("ben@a.example"), None)
    world.notices.clear()

    def publish(channel: int, value: int) -> None:
        world.notices.append((channel, value))
        if hub is not None:
            hub.publish(channel, value)

    queue = Queue(world.store.database, world.store, publish, settings or QueueSettings(), now_ms=world.clock)
    delivery = Delivery(world.store, world.directory, queue, world.ids)
    return Post(
        world.directory, world.store, world.clock, world.ids, world.notices, queue, delivery, ann, ben
    )


def envelope(*recipients: str, reverse_path: str | None = "ann@a.example") -> Envelope:
    """An envelope."""
    return Envelope(
        reverse_path=None if reverse_path is None else address(reverse_path),
        recipients=tuple(address(text) for text in recipients),
    )
