"""Three clients work on one Mailbox at random; each must be able to follow by what it is told alone."""

import random
import re

import pytest
from tests.support import mails
from tests.support.imap_client import ImapClient, ImapWorld, Reply, parse_fetch


class Follower:
    """What a client knows: one entry for each message, its UID and flags where they were told."""

    def __init__(self, client: ImapClient) -> None:
        self.client = client
        self.uids: list[int | None] = []
        self.flags: list[frozenset[str] | None] = []

    async def run(self, line: str, *literals: bytes) -> Reply:
        """Run a command and follow its responses."""
        reply = await self.client.command(line, *literals)
        numbers = re.match(r"(FETCH|STORE|SEARCH) ", line) is not None
        for response in reply.untagged:
            number, _, rest = response.partition(b" ")
            if rest == b"EXPUNGE":
                assert not numbers, "EXPUNGE while numbers are in use (RFC 3501 section 7.4.1)"
                del self.uids[int(number) - 1]
                del self.flags[int(number) - 1]
            elif rest == b"EXISTS":
                more = int(number) - len(self.uids)
                assert more >= 0, "EXISTS never takes messages away"
                self.uids += [None] * more
                self.flags += [None] * more
            elif rest.startswith(b"FETCH "):
                items = parse_fetch(response)
                place = items["#"] - 1
                uid = items.get("UID")
                assert uid is None or self.uids[place] in (None, uid), "a UID has moved"
                self.uids[place] = uid or self.uids[place]
                if "FLAGS" in items:
                    self.flags[place] = frozenset(items["FLAGS"]) - {"\\Recent"}
        return reply


async def check(one: Follower) -> None:
    """After NOOP, what the client has been told is what the server says when asked for all."""
    await one.run("NOOP")
    told, flags = list(one.uids), list(one.flags)
    (answer,) = (await one.run("UID SEARCH ALL")).untagged
    asked = [int(word) for word in answer.split()[1:]]
    assert [uid or asked[place] for place, uid in enumerate(told)] == asked
    one.uids = list(asked)
    if asked:
        await one.run("UID FETCH 1:* (FLAGS)")
    assert one.uids == asked
    assert all(known in (None, now) for known, now in zip(flags, one.flags, strict=True)), (
        "a change was not told"
    )


def act(chance: random.Random, size: int) -> tuple[str, tuple[bytes, ...]]:
    """A random command for a client that knows of so many messages."""
    low = chance.randint(1, max(1, size))
    high = chance.randint(low, max(low, min(size, low + 2)))
    flag = chance.choice(["\\Seen", "\\Flagged", "x", "\\Deleted", "\\Deleted"])
    sign = chance.choice(["+", "-", ""])
    choices: list[tuple[str, tuple[bytes, ...]]] = [
        ("NOOP", ()),
        ("APPEND INBOX {}", (mails.plain(),)),
        ("EXPUNGE", ()),
    ]
    if size:
        choices += [
            (f"STORE {low}:{high} {sign}FLAGS ({flag})", ()),
            (f"STORE {low}:{high} {sign}FLAGS.SILENT ({flag})", ()),
            (f"FETCH {low}:{high} (UID FLAGS)", ()),
            (f"FETCH {low} BODY[1]", ()),
            ("SEARCH DELETED", ()),
            (f"COPY {low}:{high} INBOX", ()),
            (f"MOVE {low} Trash", ()),
            (f"MOVE {low} INBOX", ()),
        ]
    return chance.choice(choices)


@pytest.mark.parametrize("seed", range(4))
async def test_clients_can_follow_each_other(world: ImapWorld, seed: int) -> None:
    """RFC 3501 sections 5.2 and 7.4.1, RFC 2180 section 4."""
    chance = random.Random(seed)  # noqa: S311 - test data
    clients = []
    for _ in range(3):
        clients.append(Follower(await world.log_in()))
        await clients[-1].run("SELECT INBOX")
    for _ in range(60):
        one = chance.choice(clients)
        line, literals = act(chance, len(one.uids))
        reply = await one.run(line, *literals)
        assert reply.status == "OK", (line, reply)
        if ".SILENT" in line:  # the client works out the new flags by itself, or asks
            one.flags = [None] * len(one.flags)
    for one in clients:
        await check(one)
        await one.client.stream.aclose()
