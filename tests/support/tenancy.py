"""Two tenants on one store: Ben asks, Anna is of his tenant, Carla of another; their things bear canaries."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, cast

import trio
from tests.support.directories import address
from tests.support.imap_client import ImapClient, ImapWorld
from tests.support.jmap_world import PASSWORD, JmapWorld, basic, call_app, jmap_world
from tests.support.sasl import OneAccount
from tests.support.stores import EnginePlace, a_message

from pymailcore.base import ids
from pymailcore.base.ids import EmailId
from pymailcore.directory.accounts import Changed
from pymailcore.directory.actors import SYSTEM
from pymailcore.directory.types import Account
from pymailcore.runtime.tls import TlsContexts
from pymailcore.store.blobids import email_blob, part_blob
from pymailcore.store.fulltext.indexer import Indexer
from pymailcore.store.fulltext.job import index_writing
from pymailcore.store.keywords import keywords_of
from pymailcore.store.ops import blob_rows

CANARY: Final = "canary"
WORD: Final = "wren"
"""Stands beside the canary in all texts, so that one can search for it and say no canary."""

USER: Final = "ben@example.org"
ANNA: Final = "anna@example.org"
CARLA: Final = f"carla-{CANARY}@{CANARY}.example"
NOBODY: Final = EmailId(77)
KINDS: Final = {
    "account": ids.ACCOUNT,
    "mailbox": ids.MAILBOX,
    "email": ids.EMAIL,
    "thread": ids.THREAD,
    "identity": ids.IDENTITY,
    "submission": ids.SUBMISSION,
}


@dataclass
class Ids:
    """Ids of one account, or of nobody; `own_*` are Ben's in all."""

    account: str
    mailbox: str
    email: str
    thread: str
    identity: str
    submission: str
    message_blob: str
    part_blob: str
    upload_blob: str
    own_mailbox: str = ""
    own_email: str = ""
    own_identity: str = ""

    def foreign(self) -> dict[str, str]:
        """Those that are not Ben's."""
        return {name: value for name, value in asdict(self).items() if not name.startswith("own_")}

    def hidden_in(self, text: str) -> str:
        """A text with their names in place of all these ids."""
        for name, value in sorted(asdict(self).items(), key=lambda item: -len(item[1])):
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", f"<{name}>", text)
        return text


@dataclass
class Tenancy:
    """The accounts.

    Attributes:
        ids: of "kin" (Anna), "stranger" (Carla), what Ben has "destroyed" (and an account that is gone), and
            "nobody".
        removed: ids of what Anna and Carla have destroyed.
    """

    world: JmapWorld
    carla: Account
    ids: Mapping[str, Ids]
    removed: frozenset[str]

    @property
    def own(self) -> str:
        """Ben's account."""
        return ids.encode_id(ids.ACCOUNT, self.world.ben.id)

    async def index(self) -> None:
        """Put all mail into the full-text index, which is asked from then on."""
        index = index_writing(self.world.store.engine)
        indexer = Indexer(self.world.store.engine, index)
        await indexer.open()
        await indexer.index([self.world.anna.id, self.world.ben.id, self.carla.id])
        await index.close()

    async def everything(self) -> str:
        """All that Anna and Carla have, with every number that counts changes."""
        world, found = self.world, list[object]()
        for user, account in ((ANNA, world.anna), (CARLA, self.carla)):
            its = {"user": user, "accountId": ids.encode_id(ids.ACCOUNT, account.id)}
            emails = (await world.call("Email/query", **its))["ids"]
            found += [
                await world.call("Email/get", ids=emails, **its),
                *[
                    await world.call(f"{kind}/get", **its)
                    for kind in ("Mailbox", "Identity", "EmailSubmission")
                ],
                await world.store.states(account.id),
                await world.store.quotas.of_account(account.id),
                sorted((await world.store.sharing.annotation_sizes(account.id, None, account.id)).items()),
            ]
        return json.dumps(found)


def texts(message_id: str, sender: str, topic: str) -> bytes:
    """A message all of whose texts bear a canary; its Message-ID and its subject others have, too."""
    return (
        f"From: {CANARY} {WORD} <{sender}>\r\nTo: {CANARY} {WORD} <{CANARY}@example.net>\r\n"
        f"Cc: {CANARY}-cc@example.net\r\nSubject: Re: {topic}\r\nX-{CANARY}: {CANARY} {WORD}\r\n"
        f"Comments: {CANARY} {WORD}\r\nMessage-ID: <{CANARY}-{message_id}>\r\n"
        f"In-Reply-To: <{topic}@example.org>\r\nReferences: <{topic}@example.org>\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        f"--b\r\n\r\n{CANARY} {WORD}\r\n"
        f'--b\r\nContent-Type: text/plain; name="{CANARY} {WORD}.txt"\r\n'
        f'Content-Disposition: attachment; filename="{CANARY} {WORD}.txt"\r\n\r\n{CANARY} {WORD}\r\n--b--\r\n'
    ).encode()


@asynccontextmanager
async def tenancy(
    data: Path, engine: EnginePlace, *, uploads_per_account: int = 1_000
) -> AsyncIterator[Tenancy]:
    """Open a store with both tenants and fill it."""
    limits = {**engine, "uploads_per_account": uploads_per_account}
    async with jmap_world(data, store_limits=limits) as world:
        directory = world.directory
        other = await directory.tenants.add(SYSTEM, f"{CANARY}-tenant", display=f"{CANARY} {WORD}")
        await directory.domains.add(SYSTEM, f"{CANARY}.example", tenant=other.id)
        carla = await directory.accounts.add(SYSTEM, address(CARLA), PASSWORD, full_name=f"{CANARY} {WORD}")
        await directory.accounts.set(SYSTEM, address(ANNA), Changed(full_name=f"{CANARY} {WORD}"))
        await world.deliver(a_message("minutes", message_id="<minutes@example.org>"), account=world.ben)
        own = await _own(world)
        made = {
            "kin": await _fill(world, world.anna, "example.org", own),
            "stranger": await _fill(world, carla, f"{CANARY}.example", own),
            "destroyed": await _destroyed(world, own),
        }
        made["nobody"] = Ids(
            **{name: _unlike(name, value) for name, value in made["kin"].foreign().items()}, **own
        )
        removed = {one for owner in (world.anna, carla) for one in await _removed(world, owner)}
        yield Tenancy(world, carla, made, frozenset(removed))


async def _own(world: JmapWorld) -> dict[str, str]:
    its = {"user": USER, "accountId": ids.encode_id(ids.ACCOUNT, world.ben.id)}
    mailboxes = (await world.call("Mailbox/get", **its))["list"]
    return {
        "own_mailbox": next(one["id"] for one in mailboxes if one["role"] == "inbox"),
        "own_email": (await world.call("Email/query", **its))["ids"][0],
        "own_identity": (await world.call("Identity/get", **its))["list"][0]["id"],
    }


async def _fill(world: JmapWorld, account: Account, domain: str, own: Mapping[str, str]) -> Ids:
    """Give an account one of each thing; an alias, a group and a forwarding, too."""
    directory = world.directory
    alias, group = address(f"{CANARY}-alias@{domain}"), address(f"{CANARY}-team@{domain}")
    await directory.addresses.add(SYSTEM, alias, address(account.name))
    await directory.groups.add(SYSTEM, group)
    await directory.groups.add_member(SYSTEM, group, address(account.name))
    await directory.forwards.set(SYSTEM, address(account.name), address(f"{CANARY}@elsewhere.example"))
    found = await _things(world, account, f"{CANARY}-box", own)
    its = {"user": account.name, "accountId": found.account}
    signed = dict.fromkeys(("name", "textSignature", "htmlSignature"), f"{CANARY} {WORD}")
    await world.call("Identity/set", update={found.identity: signed}, **its)
    sharing, mailbox = world.store.sharing, ids.decode_id(ids.MAILBOX, found.mailbox)
    box = next(one.id for one in await world.store.mailboxes(account.id) if one.id == mailbox)
    values = {"/private/comment": CANARY.encode(), f"/private/filters/values/{WORD}": b"SUBJECT canary"}
    await sharing.set_annotations(account.id, None, account.id, values)
    await sharing.set_annotations(
        account.id, box, account.id, {"/private/comment": b"canary", "/shared/comment": b"canary"}
    )
    if account.tenant != world.ben.tenant:
        shared = {f"/shared/filters/values/{WORD}": b"SUBJECT canary", "/shared/comment": b"canary"}
        await sharing.set_annotations(account.id, None, account.id, shared)
    return found


async def _things(
    world: JmapWorld, account: Account, mailbox: str, own: Mapping[str, str], topic: str = "minutes"
) -> Ids:
    """Make a Mailbox, an Email, a submission and an upload, and give their ids."""
    text = ids.encode_id(ids.ACCOUNT, account.id)
    its = {"user": account.name, "accountId": text}
    made = await world.call("Mailbox/set", create={"k": {"name": mailbox}}, **its)
    octets = texts(f"{mailbox}@{account.name}", account.name, topic)
    filed = await world.deliver(octets, account=account, keywords=keywords_of([f"{CANARY}-key"]))
    (email,) = (await world.call("Email/get", ids=[ids.encode_id(ids.EMAIL, filed.email)], **its))["list"]
    identity = (await world.call("Identity/get", **its))["list"][-1]
    envelope = {"mailFrom": {"email": account.name}, "rcptTo": [{"email": f"{CANARY}@example.net"}]}
    sent = await world.call(
        "EmailSubmission/set",
        create={"k": {"identityId": identity["id"], "emailId": email["id"], "envelope": envelope}},
        **its,
    )
    answer = await call_app(
        world.app,
        "POST",
        f"/jmap/upload/{text}",
        headers=basic(account.name),
        body=f"{CANARY} {mailbox}".encode(),
    )
    return Ids(
        text, made["created"]["k"]["id"], email["id"], email["threadId"], identity["id"],
        sent["created"]["k"]["id"], email["blobId"], email["attachments"][0]["blobId"], answer.json["blobId"],
        **own,
    )  # fmt: skip


async def _removed(world: JmapWorld, account: Account) -> list[str]:
    """Have an account destroy an Email, its Thread and a Mailbox; gives their ids."""
    its = {"user": account.name, "accountId": ids.encode_id(ids.ACCOUNT, account.id)}
    made = await world.call("Mailbox/set", create={"k": {"name": "old"}}, **its)
    filed = await world.deliver(a_message("old"), account=account)
    mailbox, email = made["created"]["k"]["id"], ids.encode_id(ids.EMAIL, filed.email)
    await world.call("Email/set", destroy=[email], **its)
    await world.call("Mailbox/set", destroy=[mailbox], **its)
    return [mailbox, email, ids.encode_id(ids.THREAD, filed.thread)]


async def _destroyed(world: JmapWorld, own: Mapping[str, str]) -> Ids:
    """What Ben has had, each of them; and an account that has been there."""
    directory, ben, gone = world.directory, world.ben, address("gone@example.org")
    await directory.addresses.add(SYSTEM, gone, address(USER))
    found = await _things(world, ben, "gone", own, "gone")
    its = {"user": USER, "accountId": found.account}
    assert found.identity != own["own_identity"]
    await world.call("EmailSubmission/set", destroy=[found.submission], **its)
    await world.call("Email/set", destroy=[found.email], **its)
    await world.call("Mailbox/set", destroy=[found.mailbox], **its)
    await directory.addresses.remove(SYSTEM, gone)
    await world.store.database.write(lambda tx: blob_rows.expire_uploads(tx, ben.id, 2**53))
    removed = await directory.accounts.add(SYSTEM, gone, PASSWORD)
    await directory.accounts.remove(SYSTEM, gone)
    found.account = ids.encode_id(ids.ACCOUNT, removed.id)
    return found


def _unlike(name: str, text: str) -> str:
    """An id of the same form that nobody has."""
    if name == "upload_blob":
        return text[:-1] + ("b" if text[-1] == "a" else "a")
    if name == "part_blob":
        return part_blob(NOBODY, "2") or ""
    if name == "message_blob":
        return email_blob(NOBODY + 1)
    assert ids.decode_id(KINDS[name], text) is not None
    return ids.encode_id(KINDS[name], NOBODY)


def imap_beside(world: JmapWorld, tls: TlsContexts, nursery: trio.Nursery) -> ImapWorld:
    """IMAP over the same store, with the real directory."""
    directory = cast(OneAccount, world.directory)  # it has what a server asks of one
    return ImapWorld(world.store, world.hub, tls, nursery, directory=directory)


async def logged_in(imap: ImapWorld, user: str = USER) -> ImapClient:
    """A client of IMAP that is logged in."""
    client = await imap.connect()
    await client.ok(f'LOGIN {user} "{PASSWORD}"')
    return client
