r"""Clients of several kinds work on one Mailbox at random, lose their connections and come back.

RFC 7162 sections 3.2.5 and 6: after every return a client knows the flags of exactly the messages that are
there, though it has only been told what it had missed.
"""

import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support import mails
from tests.support.imap_cache import Cache
from tests.support.imap_client import ACCOUNT, imap_world

from pymailcore.imap.view import flags_wire
from pymailcore.runtime.tls import TlsContexts
from pymailcore.store.store import Store
from pymailcore.store.types import Transaction, Want

KINDS = ("QRESYNC", "IMAP4rev2 QRESYNC", "CONDSTORE", "")
FLAGS = ("\\Seen", "\\Flagged", "work", "\\Deleted", "\\Deleted")
ACTIONS = (
    "noop", "append", "store", "store", "silent", "silent", "unchanged", "expunge", "expunge", "move", "copy",
    "search", "fetch", "read", "break", "drop", "drop", "forget",
)  # fmt: skip
Step = tuple[int, str, int]
STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(ACTIONS), st.integers(0, 2**16)), min_size=8, max_size=50
)


def line(action: str, chance: random.Random, cache: Cache) -> str:
    """A command for a client that knows of some messages."""
    size = len(cache.places)
    low = chance.randint(1, size)
    high = min(size, low + chance.randint(0, 2))
    flag, sign = chance.choice(FLAGS), chance.choice(("+", "-", ""))
    uid = chance.random() < 0.5
    named = f"{cache.places[low - 1]}:{cache.places[high - 1]}" if uid else f"{low}:{high}"
    prefix = "UID " if uid else ""
    lines = {
        "store": f"{prefix}STORE {named} {sign}FLAGS ({flag})",
        "silent": f"{prefix}STORE {named} {sign}FLAGS.SILENT ({flag})",
        "unchanged": f"{prefix}STORE {named} (UNCHANGEDSINCE {cache.highest}) {sign}FLAGS.SILENT ({flag})",
        "expunge": "EXPUNGE",
        "move": f"{prefix}MOVE {named} {chance.choice(('Trash', 'INBOX'))}",
        "copy": f"{prefix}COPY {named} INBOX",
        "search": f"{prefix}SEARCH {chance.choice((named, 'DELETED')) if not uid else 'DELETED'}",
        "fetch": f"{prefix}FETCH {named} (FLAGS)",
        "read": f"{prefix}FETCH {named} BODY[1]",
    }
    return lines.get(action, "NOOP")


async def act(cache: Cache, action: str, chance: random.Random) -> None:
    if cache.client is None:
        await cache.connect(chance)
        await check(cache)
    if action == "append":
        await cache.run("APPEND INBOX {}", mails.plain())
    elif action == "drop":
        await cache.drop()
    elif action == "forget":
        await forget(cache.world.store)
    elif cache.places:
        if action == "unchanged" and not cache.enable:
            action = "noop"
        if action == "break":
            wanted = line(chance.choice(ACTIONS), chance, cache)
            await cache.break_off(wanted, chance.randint(0, 4))
            return
        wanted = line(action, chance, cache)
        reply = await cache.run(wanted)
        assert reply.status == "OK", (wanted, reply)


async def check(cache: Cache) -> None:
    """What the client knows is what there is, once no command that was broken off is at work any more."""
    store = cache.world.store
    before, there = -1, Mailbox()
    while before != there.highest_modseq:
        before = (await read(store)).highest_modseq
        await cache.run("NOOP")
        there = await read(store)
    assert cache.places == sorted(there.flags)
    if cache.enable:
        assert cache.known == there.flags
        assert cache.highest <= there.highest_modseq


class Mailbox(NamedTuple):
    """What there is."""

    highest_modseq: int = 0
    flags: Mapping[int, frozenset[str]] = MappingProxyType({})


async def read(store: Store) -> Mailbox:
    found = await store.mailbox_named(ACCOUNT, "INBOX")
    assert found is not None
    rows = await store.fetch(ACCOUNT, found.id, ((1, 2**32 - 1),), Want.NONE, limit=10_000)
    again = await store.mailbox_named(ACCOUNT, "INBOX")
    if again != found:
        return await read(store)
    return Mailbox(
        found.highest_modseq,
        {row.uid: frozenset(flags_wire(row[2:5], False).decode().split()) for row in rows},
    )


async def forget(store: Store) -> None:
    """Lose the change log, as compaction does in time."""

    async def work(tx: Transaction) -> None:
        await tx.run("UPDATE accounts SET log_floor = modseq WHERE id = ?1", ACCOUNT)
        await tx.run(
            "DELETE FROM expunged WHERE modseq <= (SELECT log_floor FROM accounts WHERE id = ?1)", ACCOUNT
        )

    await store.database.write(work)


async def play(tls: TlsContexts, kinds: tuple[str, ...], steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with imap_world(Path(folder), tls) as world:
            for _ in range(3):
                await world.deliver(mails.plain())
            caches = [Cache(world, kind) for kind in kinds]
            try:
                await follow(caches, steps)
            finally:
                for cache in caches:
                    await cache.drop()


async def follow(caches: list[Cache], steps: list[Step]) -> None:
    for which, action, seed in steps:
        await act(caches[which % len(caches)], action, random.Random(seed))  # noqa: S311 - test data
    for place, cache in enumerate(caches):
        if place % 2 == len(steps) % 2:  # the others are still there, or else come back
            await cache.drop()
        if cache.client is None:
            await cache.connect(random.Random(0))  # noqa: S311 - test data
        await check(cache)


KIND_LISTS = st.lists(st.sampled_from(KINDS), min_size=2, max_size=3).map(tuple)
CHECKS = (HealthCheck.too_slow, HealthCheck.data_too_large)


@given(KIND_LISTS, STEPS)
@settings(max_examples=8, deadline=None, suppress_health_check=CHECKS)
def test_who_comes_back_knows_what_there_is(
    tls: TlsContexts, kinds: tuple[str, ...], steps: list[Step]
) -> None:
    trio.run(play, tls, kinds, steps)


@pytest.mark.long
@given(KIND_LISTS, STEPS)
@settings(max_examples=1000, deadline=None, suppress_health_check=CHECKS)
def test_who_comes_back_knows_what_there_is_for_long(
    tls: TlsContexts, kinds: tuple[str, ...], steps: list[Step]
) -> None:
    """The stated count."""
    trio.run(play, tls, kinds, steps)
