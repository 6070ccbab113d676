"""A disconnected client as RFC 7162 section 6 has it: it keeps what it was told and follows by that alone."""

import random
import re
from typing import Any

import trio
from tests.support.imap_client import ImapClient, ImapWorld, Reply, parse_fetch

_VANISHED = re.compile(rb"VANISHED( \(EARLIER\))? ([0-9:,]+)\Z")
_CODE = re.compile(rb"OK \[HIGHESTMODSEQ (\d+)\]")


def uids_in(text: bytes) -> list[int]:
    """Read a set of plain numbers."""
    found: list[int] = []
    for member in text.split(b","):
        low, _, high = member.partition(b":")
        found += range(int(low), int(high or low) + 1)
    return found


class Cache:
    """One client: what it keeps over connections, and its view while it is connected.

    Attributes:
        known: flags by UID.
        highest: the mod-sequence up to which it knows everything.
        places: UIDs by place, None where it has not asked yet.
    """

    def __init__(self, world: ImapWorld, enable: str) -> None:
        self.world = world
        self.enable = enable
        self.client: ImapClient | None = None
        self.known: dict[int, frozenset[str]] = {}
        self.validity = 0
        self.highest = 0
        self.places: list[int | None] = []
        self._applied: tuple[str, frozenset[str]] | None = None
        self._heard = 0
        self._told = 0

    async def connect(self, chance: random.Random) -> None:
        """Come back, by QRESYNC where there is something to come back to."""
        client = self.client = await self.world.log_in()
        if self.enable:
            await client.ok(f"ENABLE {self.enable}")
        before = [uid for uid in self.places if uid is not None]
        self.places = []
        parameter = ""
        if "QRESYNC" in self.enable and self.validity:
            parameter = f" (QRESYNC ({self.validity} {self.highest}{self._sets(chance, before)}))"
        else:
            self.known.clear()
        reply = await self._run(f"SELECT INBOX{parameter}")
        (validity,) = [
            match[1] for one in reply.untagged if (match := re.match(rb"OK \[UIDVALIDITY (\d+)", one))
        ]
        self.validity = int(validity)
        await self.learn()

    def _sets(self, chance: random.Random, before: list[int]) -> str:
        known = sorted(self.known)
        uids = f" {','.join(map(str, known))}" if known and chance.random() < 0.5 else ""
        if before != known or not before or chance.random() < 0.5:
            return uids
        some = sorted(chance.sample(range(len(before)), chance.randint(1, len(before))))
        numbers = ",".join(str(place + 1) for place in some)
        return f"{uids} ({numbers} {','.join(str(before[place]) for place in some)})"

    async def run(self, line: str, *literals: bytes) -> Reply:
        """Run a command, take in what is said, and ask for what is new."""
        reply = await self._run(line, *literals)
        await self.learn()
        return reply

    async def learn(self) -> None:
        """Ask for UIDs where they are not known, and for the flags of messages that are new; of no others."""
        while None in self.places:
            await self._run(f"FETCH {self.places.index(None) + 1}:* (UID)")
            if new := [str(uid) for uid in self.places if uid is not None and uid not in self.known]:
                await self._run(f"UID FETCH {','.join(new)} (FLAGS)")

    async def _run(self, line: str, *literals: bytes) -> Reply:
        assert self.client is not None
        self._begin(line)
        reply = await self.client.command(line, *literals)
        for response in reply.untagged:
            self._hear(line, response)
        if (match := _CODE.match(reply.tagged)) is not None:
            self._told = int(match[1])
        self.highest = self._told or max(self.highest, self._heard)
        return reply

    def _begin(self, line: str) -> None:
        match = re.search(r"STORE .* ([-+]?)FLAGS\.SILENT \((.*)\)", line)
        self._applied = (match[1], frozenset(match[2].split())) if match else None
        self._heard = self._told = 0

    async def break_off(self, line: str, after: int) -> None:
        """Send a command, hear the first responses and lose the connection; a tagged one counts, if heard."""
        assert self.client is not None
        self._begin(line)
        self.client.count += 1
        tag = b"t%d" % self.client.count
        await self.client.send(tag + b" " + line.encode() + b"\r\n")
        for _ in range(after):
            response = await self.client.line()
            if response.startswith(tag):
                self.highest = self._told or max(self.highest, self._heard)
                break
            self._hear(line, response[2:])
        await self.drop()

    async def drop(self) -> None:
        """Lose the connection, if there is one."""
        if self.client is not None:
            await trio.aclose_forcefully(self.client.stream)
        self.client = None

    def _hear(self, line: str, response: bytes) -> None:
        number, _, rest = response.partition(b" ")
        numbers = re.match(r"(FETCH|STORE|SEARCH) ", line) is not None
        if (match := _CODE.match(response)) is not None:
            self._told = int(match[1])
        elif (vanished := _VANISHED.match(response)) is not None:
            assert "QRESYNC" in self.enable
            self._lose(uids_in(vanished[2]), earlier=vanished[1] is not None)
            assert vanished[1] or not numbers
        elif rest == b"EXPUNGE":
            assert "QRESYNC" not in self.enable, "VANISHED was asked for"
            assert not numbers, "EXPUNGE while numbers are in use"
            self.known.pop(self.places.pop(int(number) - 1) or 0, None)
        elif rest == b"EXISTS":
            assert int(number) >= len(self.places)
            self.places += [None] * (int(number) - len(self.places))
        elif rest == b"RECENT":
            assert "IMAP4rev2" not in self.enable
        elif rest.startswith(b"FETCH "):
            self._change(parse_fetch(response))

    def _lose(self, uids: list[int], *, earlier: bool) -> None:
        for uid in uids:
            self.known.pop(uid, None)
            if earlier:
                assert uid not in self.places
            else:
                del self.places[self._place(uid)]

    def _place(self, uid: int) -> int:
        """Where a message stands; if its UID was not asked for yet, a place that can only be its own."""
        if uid in self.places:
            return self.places.index(uid)
        before = max((at for at, one in enumerate(self.places) if one is not None and one < uid), default=-1)
        assert self.places[before + 1] is None, "VANISHED for what was never there"
        return before + 1

    def _change(self, items: dict[str, Any]) -> None:
        place = items["#"] - 1
        uid = items.get("UID") or self.places[place]
        assert uid is not None
        assert self.places[place] in (None, uid), "a UID has moved"
        self.places[place] = uid
        if "MODSEQ" in items:
            self._heard = max(self._heard, items["MODSEQ"][0])
        if "FLAGS" in items:
            self.known[uid] = frozenset(items["FLAGS"]) - {"\\Recent"}
        elif self._applied is not None and uid in self.known and "MODSEQ" in items:
            sign, flags = self._applied
            known = self.known[uid]
            self.known[uid] = known | flags if sign == "+" else known - flags if sign == "-" else flags
