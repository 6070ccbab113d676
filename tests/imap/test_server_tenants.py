"""Nobody reaches by IMAP what is another account's, of one's own tenant or of another.

Security notes, T1 and T7. Ben asks with names and ids of an account of his tenant, of one of another tenant,
of what he has destroyed, and with some that nobody has: the answers must be the same but for these names and
ids.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog.testing
import trio
from tests.support.imap_client import ImapClient
from tests.support.stores import EnginePlace
from tests.support.tenancy import CANARY, CARLA, WORD, Ids, Tenancy, imap_beside, logged_in, tenancy

from pymailcore.directory.audit_log import Filter
from pymailcore.directory.foreign_ids import FOREIGN
from pymailcore.directory.permissions import View
from pymailcore.imap.protocol.grammar import _COMMANDS, _UID_COMMANDS
from pymailcore.runtime.metrics import page
from pymailcore.runtime.tls import TlsContexts

EVERYTHING = View(everything=True, tenants=frozenset(), domains=frozenset())
BOXES = {"kin": f"{CANARY}-box", "stranger": f"{CANARY}-box", "destroyed": "gone", "nobody": "nothing"}
OWNERS = {
    "kin": "anna@example.org",
    "stranger": CARLA,
    "destroyed": "gone@example.org",
    "nobody": "nobody@example.org",
}
PLACES = ("{box}", '"user/{owner}/INBOX"', '"Other Users/{owner}"', '"/{account}/{mailbox}"', "{mailbox}")
"""The ways to name a Mailbox; the first is how its owner does, the others are how some servers share them."""

ROWS = {
    "SELECT": [f"SELECT {place}" for place in PLACES],
    "EXAMINE": [f"EXAMINE {place}" for place in PLACES],
    "LIST": [
        *(f'LIST "" {place}' for place in PLACES),
        'LIST "{box}" "*"',
        'LIST "" "*{owner}*"',
        'LIST (SUBSCRIBED RECURSIVEMATCH) "" ({box} "*{owner}*") RETURN (STATUS (MESSAGES SIZE))',
        'LIST "" ({box} {mailbox}) RETURN (METADATA (/shared/comment /private/comment))',
    ],
    "XLIST": [f'XLIST "" {place}' for place in PLACES],
    "GETQUOTA": ["GETQUOTA {owner}", 'GETQUOTA "user/{owner}"', "GETQUOTA {account}", 'GETQUOTA ""'],
    "GETQUOTAROOT": [f"GETQUOTAROOT {place}" for place in PLACES],
    "LSUB": [f'LSUB "" {place}' for place in PLACES],
    "STATUS": [f"STATUS {place} (MESSAGES UIDNEXT UNSEEN)" for place in PLACES],
    "GETMETADATA": [
        *(f"GETMETADATA {place} (/shared/comment /private/comment)" for place in PLACES),
        f'GETMETADATA "" (/shared/comment /private/comment /private/filters/values/{WORD})',
    ],
    "SETMETADATA": [f'SETMETADATA {place} (/private/comment "x")' for place in PLACES],
    "APPEND": [
        *(f"APPEND {place} {{{{1+}}}}\r\nx" for place in PLACES),
        'APPEND INBOX CATENATE (URL "/{box}/;UID=1")',
        'APPEND INBOX CATENATE (URL "/user/{owner}/INBOX/;UID=1/;SECTION=1")',
        'APPEND INBOX CATENATE (URL "imap://{owner}@localhost/INBOX/;UID=1")',
    ],
    "REPLACE": [f"REPLACE 1 {place} {{{{1+}}}}\r\nx" for place in PLACES],
    "COPY": [f"COPY 1 {place}" for place in PLACES],
    "MOVE": [f"MOVE 1 {place}" for place in PLACES],
    "RENAME": [f"RENAME {place} elsewhere" for place in PLACES],
    "DELETE": [f"DELETE {place}" for place in PLACES],
    "UNSUBSCRIBE": [f"UNSUBSCRIBE {place}" for place in PLACES],
    "SUBSCRIBE": ["SUBSCRIBE {box}", 'LSUB "" "*"', "UNSUBSCRIBE {box}"],
    "CREATE": ["CREATE {box}", "CREATE {box}/x", 'LIST "" "*"', "DELETE {box}/x", "DELETE {box}"],
    "SEARCH": [
        "SEARCH EMAILID {email}",
        "SEARCH OR EMAILID {email} THREADID {thread}",
        "SEARCH RETURN (ALL COUNT) NOT EMAILID {email}",
        "SEARCH THREADID {thread}",
        f"SEARCH FILTER {WORD}",
        f"SEARCH TEXT {WORD}",
    ],
    "SORT": ["SORT (SUBJECT) UTF-8 EMAILID {email}", "SORT (SUBJECT) UTF-8 NOT THREADID {thread}"],
    "THREAD": ["THREAD REFERENCES UTF-8 EMAILID {email}", "THREAD REFERENCES UTF-8 NOT THREADID {thread}"],
    "FETCH": ["FETCH 1:* (UID FLAGS)"],
    "UID": ["UID SEARCH EMAILID {email}", "UID SEARCH THREADID {thread}", "UID FETCH 1:* (FLAGS)"],
}
NOTHING_TO_NAME = frozenset(
    [
        *("CAPABILITY", "NOOP", "LOGOUT", "STARTTLS", "ID", "LOGIN", "AUTHENTICATE", "ENABLE", "NAMESPACE"),
        *("IDLE", "CHECK", "CLOSE", "UNSELECT", "COMPRESS", "UNAUTHENTICATE", "GETJMAPACCESS"),
        *("EXPUNGE", "STORE"),  # only numbers within the Mailbox that is selected
    ]
)


@asynccontextmanager
async def asking(
    data: Path, engine: EnginePlace, tls: TlsContexts
) -> AsyncIterator[tuple[Tenancy, ImapClient]]:
    """Both tenants, and Ben at IMAP."""
    async with tenancy(data, engine) as it, trio.open_nursery() as nursery:
        async with await logged_in(imap_beside(it.world, tls, nursery)) as client:
            yield it, client
        nursery.cancel_scope.cancel()


async def said(client: ImapClient, line: str) -> str:
    """What a command is answered."""
    head, _, rest = line.partition("\r\n")
    reply = (
        await client.command(head.replace("{1+}", "{}"), rest.encode())
        if rest
        else await client.command(line)
    )
    return b"\r\n".join([*reply.untagged, reply.tagged]).decode()


def test_every_command_has_a_row() -> None:
    known = {name.decode() for name in _COMMANDS}
    assert set(ROWS) == known - NOTHING_TO_NAME
    assert {name.decode() for name in _UID_COMMANDS} <= set(ROWS) | NOTHING_TO_NAME


async def test_foreign_gone_and_absent_look_the_same(
    tmp_path: Path, store_settings: EnginePlace, tls: TlsContexts
) -> None:
    """In every command that takes a name or an id; and nothing happens to what is somebody else's."""
    faults: list[str] = []
    async with asking(tmp_path, store_settings, tls) as (it, client):
        before = await it.everything()
        for command, lines in ROWS.items():
            answers: dict[str, list[str]] = {}
            for whose, of in it.ids.items():
                await client.ok("SELECT INBOX")
                told = [await said(client, aimed(line, whose, of)) for line in lines]
                answers[whose] = [hidden(text, whose, of) for text in told]
            for whose, some in answers.items():
                for line, one, other in zip(lines, some, answers["nobody"], strict=True):
                    if one != other or CANARY in one or "BAD" in one.replace("BADURL", ""):
                        faults.append(f"{command}: {line} {whose}: {one}, not {other}")
        assert faults == []
        assert await it.everything() == before


def aimed(line: str, whose: str, of: Ids) -> str:
    """A row with the names of somebody's things in it."""
    return line.format(box=BOXES[whose], owner=OWNERS[whose], **of.foreign())


def hidden(text: str, whose: str, of: Ids) -> str:
    """An answer without them, and without the tag."""
    for name in sorted((BOXES[whose], OWNERS[whose]), key=len, reverse=True):
        text = text.replace(name, "<name>")
    text = re.sub(r'(?<=TAG ")t\d+', "<tag>", of.hidden_in(text))
    return re.sub(r"\[MAILBOXID \(\w+\)\] Created", "[MAILBOXID (<new>)] Created", text)


def requests(domain: str) -> list[str]:
    """What shows an account all it has, and looks for what it has not; none has a canary in it."""
    look = [f"{key} {WORD}" for key in ("TEXT", "BODY", "SUBJECT", "FROM", "TO", "CC", "HEADER Comments")]
    return [
        *('LIST "" "*"', 'LIST "" "%"', 'LSUB "" "*"', "NAMESPACE", "STATUS INBOX (MESSAGES UNSEEN UIDNEXT)"),
        *(f"SEARCH {key}" for key in look),
        *(f"UID SEARCH RETURN (ALL COUNT) NOT {key}" for key in look),
        f"SEARCH FROM {domain}",
        "SEARCH MODSEQ 1",
        f"SEARCH FILTER {WORD}",
        "FETCH 1:* (FLAGS UID ENVELOPE BODYSTRUCTURE INTERNALDATE RFC822.SIZE)",
        "FETCH 1:* (BODY.PEEK[] BODY.PEEK[2])",
        "THREAD REFERENCES UTF-8 ALL",
        "THREAD ORDEREDSUBJECT UTF-8 ALL",
        "SORT (SUBJECT FROM) UTF-8 ALL",
        'GETMETADATA (DEPTH infinity) "" (/shared /private)',
        "GETMETADATA (DEPTH infinity) INBOX (/shared /private)",
        *("FETCH 99 ENVELOPE", "SELECT", "NOOP", "CLOSE"),  # the first two are faulty,
    ]


@pytest.mark.parametrize("whose", ["kin", "stranger"])
async def test_no_canary_comes_out(
    tmp_path: Path, store_settings: EnginePlace, tls: TlsContexts, whose: str
) -> None:
    """T7: neither in an answer, the log nor the metrics, in text or as an id; to its owner it does come."""
    async with asking(tmp_path, store_settings, tls) as (it, ben), trio.open_nursery() as nursery:
        if whose == "stranger":
            await it.index()
        secrets = {CANARY, *it.ids[whose].foreign().values()}
        assert len(secrets) == 10
        imap = imap_beside(it.world, tls, nursery)
        async with await logged_in(imap, OWNERS[whose]) as owner:
            await owner.ok("SELECT INBOX")
            own = [await said(owner, line) for line in requests("example")]
        await ben.ok("SELECT INBOX")
        with structlog.testing.capture_logs() as lines:
            told = {line: await said(ben, line) for line in requests("example")}
        nursery.cancel_scope.cancel()
    assert [line for line, text in told.items() if any(one in text.lower() for one in secrets)] == []
    assert [line for line in lines if any(one in str(line).lower() for one in secrets)] == []
    assert sum(CANARY in text.lower() for text in own) >= 6
    assert [one for one in secrets if one in page([imap.metrics.snapshot()]).lower()] == []


async def test_ids_of_others_are_in_the_audit_log(
    tmp_path: Path, store_settings: EnginePlace, tls: TlsContexts
) -> None:
    """T1: the client learns nothing, the administrator once a minute."""
    async with asking(tmp_path, store_settings, tls) as (it, client):
        await client.ok("SELECT INBOX")
        told = []
        for whose, of in it.ids.items():
            for command in ("SEARCH", "SORT", "THREAD", "UID"):
                for line in ROWS[command]:
                    if "{email}" in line or "{thread}" in line:
                        await said(client, aimed(line, whose, of))
            await it.world.directory.flush()
            found = await it.world.directory.audit.listing(EVERYTHING, Filter(action=FOREIGN))
            told.append([one.subject for one in found])
        kin, stranger = (f"SEARCH {it.ids[whose].email}" for whose in ("kin", "stranger"))
        assert told == [[kin], [stranger, kin], [stranger, kin], [stranger, kin]]


async def test_no_name_of_a_mailbox_leads_to_another_account(
    tmp_path: Path, store_settings: EnginePlace, tls: TlsContexts
) -> None:
    """RFC 2342 section 5: there is no namespace of other users and no shared one.

    So a name like theirs is one's own: it can be created, and leaves no record. Whoever adds a namespace has
    to record what is asked for in it and may not be seen, as ids are, and to show it here.
    """
    async with asking(tmp_path, store_settings, tls) as (it, client):
        (told,) = await client.ok("NAMESPACE")
        assert told == b'NAMESPACE (("" "/")) NIL NIL'
        for whose, of in it.ids.items():
            for place in PLACES:
                await said(client, aimed(f"STATUS {place} (MESSAGES)", whose, of))
        await client.ok(aimed('CREATE "Other Users/{owner}"', "stranger", it.ids["stranger"]))
        await it.world.directory.flush()
        assert await it.world.directory.audit.listing(EVERYTHING, Filter(action=FOREIGN)) == []
