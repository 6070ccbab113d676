"""Nobody reaches what is another account's: every method and every URL that takes an id.

Security notes, J5, J6 and T1. The rows are checked against the registry and against what the methods take: a
method without a row fails the suite, and so does an argument or a member for ids that no row has ids in. Each
row is asked by Ben with ids of an account of his tenant, of an account of another tenant, of what he has
destroyed himself, and with ids that nobody has; the answers must be the same but for the ids themselves.
"""

import ast
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.support.jmap_world import basic, call_app
from tests.support.stores import EnginePlace
from tests.support.tenancy import ANNA, CANARY, CARLA, USER, WORD, Ids, Tenancy, tenancy

from pymailcore.jmap.methods import registry
from pymailcore.jmap.methods.registry import DATA_TYPES
from pymailcore.jmap.protocol import standard
from pymailcore.jmap.protocol.arguments import Arguments

Row = Callable[[Ids], dict[str, Any]]


def _blobs(of: Ids) -> list[str]:
    return [of.message_blob, of.part_blob, of.upload_blob]


def _draft(of: Ids, **more: object) -> dict[str, Any]:
    return {"mailboxIds": {of.own_mailbox: True}, "subject": "x", **more}


SINCE = {"sinceState": "0"}
SINCE_QUERY = {"sinceQueryState": "0"}

ROWS: dict[str, list[Row]] = {
    "Core/echo": [lambda of: {"x": asdict(of)}],
    "Blob/copy": [lambda of: {"fromAccountId": of.account, "blobIds": _blobs(of)}],
    "PushSubscription/get": [lambda of: {"ids": [of.email]}],
    "PushSubscription/set": [lambda of: {"update": {of.email: {}}, "destroy": [of.thread]}],
    "Mailbox/get": [lambda of: {"ids": [of.mailbox]}, lambda _: {"ids": None}],
    "Mailbox/changes": [lambda _: SINCE],
    "Mailbox/query": [
        lambda _: {},
        lambda of: {"filter": {"parentId": of.mailbox}},
        lambda of: {"anchor": of.mailbox},
    ],
    "Mailbox/queryChanges": [
        lambda of: {**SINCE_QUERY, "upToId": of.mailbox, "filter": {"parentId": of.mailbox}},
    ],
    "Mailbox/set": [
        lambda of: {"create": {"k": {"name": "x", "parentId": of.mailbox}}},
        lambda of: {"update": {of.mailbox: {"name": "y"}}},
        lambda of: {"update": {of.own_mailbox: {"parentId": of.mailbox}}},
        lambda of: {"destroy": [of.mailbox], "onDestroyRemoveEmails": True},
    ],
    "Thread/get": [lambda of: {"ids": [of.thread]}],
    "Thread/changes": [lambda _: SINCE],
    "Email/get": [
        lambda of: {"ids": [of.email]},
        lambda of: {"ids": [of.email], "properties": ["bodyStructure", "header:Subject:asText"]},
    ],
    "Email/changes": [lambda _: SINCE],
    "Email/query": [
        lambda _: {"calculateTotal": True},
        lambda _: {"filter": {"text": WORD}, "calculateTotal": True},
        lambda of: {"filter": {"inMailbox": of.mailbox}, "calculateTotal": True},
        lambda of: {"filter": {"inMailboxOtherThan": [of.mailbox]}, "calculateTotal": True},
        lambda of: {"filter": {"operator": "NOT", "conditions": [{"inMailbox": of.mailbox}]}},
        lambda of: {
            "filter": {"operator": "OR", "conditions": [{"text": WORD}, {"inMailboxOtherThan": [of.mailbox]}]}
        },
        lambda of: {"anchor": of.email},
    ],
    "Email/queryChanges": [
        lambda of: {**SINCE_QUERY, "upToId": of.email, "filter": {"inMailbox": of.mailbox}},
    ],
    "Email/set": [
        lambda of: {"create": {"k": {"mailboxIds": {of.mailbox: True}, "subject": "x"}}},
        lambda of: {"create": {"k": _draft(of, attachments=[{"blobId": blob} for blob in _blobs(of)])}},
        lambda of: {
            "create": {"k": _draft(of, bodyStructure={"blobId": of.part_blob, "type": "text/plain"})}
        },
        lambda of: {"update": {of.email: {"keywords/$seen": True}}},
        lambda of: {"update": {of.email: {"subject": WORD}}},
        lambda of: {"update": {of.own_email: {"mailboxIds": {of.mailbox: True}}}},
        lambda of: {"update": {of.own_email: {f"mailboxIds/{of.mailbox}": True}}},
        lambda of: {"update": {of.own_email: {f"mailboxIds/{of.mailbox}": None}}},
        lambda of: {"update": {of.own_email: {"threadId": of.thread}}},
        lambda of: {"destroy": [of.email]},
    ],
    "Email/copy": [lambda of: {"fromAccountId": of.account, "create": {"k": {"id": of.email}}}],
    "Email/import": [
        *(
            lambda of, place=place: {
                "emails": {"k": {"blobId": _blobs(of)[place], "mailboxIds": {of.own_mailbox: True}}}
            }
            for place in range(3)
        ),
        lambda of: {"emails": {"k": {"blobId": of.upload_blob, "mailboxIds": {of.mailbox: True}}}},
    ],
    "Email/parse": [lambda of: {"blobIds": _blobs(of)}],
    "SearchSnippet/get": [
        lambda of: {"emailIds": [of.email], "filter": {"text": WORD, "inMailbox": of.mailbox}}
    ],
    "Identity/get": [lambda of: {"ids": [of.identity]}, lambda _: {"ids": None}],
    "Identity/changes": [lambda _: SINCE],
    "Identity/set": [
        lambda of: {"update": {of.identity: {"name": "x"}}},
        lambda of: {"destroy": [of.identity]},
    ],
    "EmailSubmission/get": [lambda of: {"ids": [of.submission]}, lambda _: {"ids": None}],
    "EmailSubmission/changes": [lambda _: SINCE],
    "EmailSubmission/query": [
        lambda of: {"filter": {"identityIds": [of.identity]}},
        lambda of: {"filter": {"emailIds": [of.email]}},
        lambda of: {"filter": {"threadIds": [of.thread]}},
        lambda of: {"filter": {"operator": "OR", "conditions": [{"threadIds": [of.thread]}]}},
        lambda of: {"filter": {"operator": "NOT", "conditions": [{"emailIds": [of.email]}]}},
        lambda of: {"anchor": of.submission},
    ],
    "EmailSubmission/queryChanges": [
        lambda of: {**SINCE_QUERY, "upToId": of.submission, "filter": {"emailIds": [of.email]}},
    ],
    "EmailSubmission/set": [
        lambda of: {"create": {"k": {"identityId": of.own_identity, "emailId": of.email}}},
        lambda of: {"create": {"k": {"identityId": of.identity, "emailId": of.own_email}}},
        lambda of: {"update": {of.submission: {"undoStatus": "final"}}},
        lambda of: {"destroy": [of.submission], "onSuccessDestroyEmail": [of.submission]},
        lambda of: {
            "update": {of.submission: {"undoStatus": "final"}},
            "onSuccessUpdateEmail": {of.submission: {"keywords/$seen": True}},
        },
        lambda of: {"onSuccessUpdateEmail": {of.email: {"keywords/$seen": True}}},
        lambda of: {"onSuccessDestroyEmail": [of.email]},
    ],
}


METHODS = sorted(name for data_type in DATA_TYPES for name in data_type.methods)

NO_IDS = frozenset(
    [
        # states, and what orders
        *("ifInState", "ifFromInState", "destroyFromIfInState", "sinceState", "sinceQueryState", "sort"),
        # what can be created of these has no ids in it; asked for by every method
        *("Identity/set create", "PushSubscription/set create", "accountId"),
        # Email/set asks Email/get itself, for what a patch says of things that only the server sets
        *("Email/set ids",),
    ]
)
"""Texts, maps and objects that hold no ids: by their names, or for one method."""
NOT_LOOKED_UP = frozenset(
    [
        *("id", "messageId", "partId", "dsnBlobIds", "mdnBlobIds"),  # only told, or of the message itself
        *("accountId", "createdIds"),  # see the tests of their own
        "deviceClientId",  # the client's own
    ]
)
"""Names of members that look like those of ids, and are looked up nowhere."""
_MEMBER = re.compile(r"[a-z]\w*Ids?|ids?|anchor|inMailbox\w*")


@pytest.fixture
async def it(tmp_path: Path, store_settings: EnginePlace) -> AsyncIterator[Tenancy]:
    async with tenancy(tmp_path, store_settings) as opened:
        yield opened


def test_every_method_has_a_row() -> None:
    assert sorted(ROWS) == METHODS


def keys_of(document: object) -> Iterator[str]:
    """Keys at any depth; of a path in a patch its first piece."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield str(key).partition("/")[0]
            yield from keys_of(value)
    elif isinstance(document, list):
        for item in document:
            yield from keys_of(item)


def test_every_member_that_is_an_id_has_a_row() -> None:
    """Below the arguments: conditions of filters, properties of what is created, and patched."""
    of = Ids(*[name for name in Ids.__dataclass_fields__ if not name.startswith("own_")])
    asked = {key for rows in ROWS.values() for row in rows for key in keys_of(row(of))}
    named = {
        node.value
        for module in (registry, standard)
        for path in sorted(Path(str(module.__file__)).parent.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _MEMBER.fullmatch(node.value)
    }
    assert {"inMailbox", "parentId", "emailIds", "blobId", "upToId", "anchor"} <= named
    assert named - asked - NOT_LOOKED_UP == set()


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of the arguments that may be ids and have been taken since it was emptied."""
    names: set[str] = set()
    for kind in ("identifier", "identifiers", "objects", "text", "take"):
        monkeypatch.setattr(Arguments, kind, _watched(getattr(Arguments, kind), names))
    return names


def _watched(real: Callable[[Arguments, str], object], names: set[str]) -> Callable[[Arguments, str], object]:
    def watched(self: Arguments, name: str) -> object:
        names.add(name)
        return real(self, name)

    return watched


def without_a_row(method: str, taken: set[str], of: Ids) -> list[str]:
    """Arguments that a method takes as ids, or as what may hold ids, and no row gives it any in."""
    foreign = of.foreign().values()
    given = {
        name
        for row in ROWS[method]
        for name, value in row(of).items()
        if any(f'"{one}"' in json.dumps(value) for one in foreign)
    }
    asked = {name for name in taken - given if not {name, f"{method} {name}"} & NO_IDS}
    return [f"{method} {name} has no row" for name in sorted(asked)]


async def asked(it: Tenancy, method: str, of: Ids, row: Row, account: str) -> str:
    """What Ben is told; ids that he gave are hidden, all others stay."""
    given = row(of)
    account_too = {"accountId": account} if needs_account(method) else {}
    told = json.dumps(await it.world.outcome(method, USER, **account_too, **given))
    return of.hidden_in(told) if of.foreign().keys() & mentioned(row) or account != it.own else told


def mentioned(row: Row) -> set[str]:
    """Names of the ids that a row asks with."""
    names = list(Ids.__dataclass_fields__)
    text = json.dumps(row(Ids(*[f"<{name}>" for name in names])))
    return {name for name in names if f"<{name}>" in text}


def needs_account(method: str) -> bool:
    return not method.startswith(("PushSubscription", "Core"))


async def test_foreign_gone_and_absent_look_the_same(it: Tenancy, taken: set[str]) -> None:
    """T1, J5: in every argument of every method; and nothing happens to what is somebody else's."""
    before, faults, count = await it.everything(), list[str](), 0
    for method in METHODS:
        taken.clear()
        for number, row in enumerate(ROWS[method]):
            answers = {whose: await asked(it, method, of, row, it.own) for whose, of in it.ids.items()}
            count += len(answers)
            for whose, answer in answers.items():
                if answer != answers["nobody"] or (CANARY in answer and method != "Core/echo"):
                    faults.append(f"{method} {number} {whose}: {answer}, not {answers['nobody']}")
        faults += without_a_row(method, taken, it.ids["nobody"])
        assert ("accountId" in taken) == needs_account(method)
    assert faults == []
    assert count >= 4 * len(METHODS)
    assert await it.everything() == before


async def test_a_foreign_account_is_not_found(it: Tenancy) -> None:
    """RFC 8620 section 3.6.2: accountNotFound, whether it is there or not, or was."""
    before = await it.everything()
    for method in filter(needs_account, METHODS):
        for row in ROWS[method]:
            answers = {whose: await asked(it, method, of, row, of.account) for whose, of in it.ids.items()}
            assert json.loads(answers["nobody"])[1]["type"] == "accountNotFound", method
            assert len(set(answers.values())) == 1, (method, answers)
    assert await it.everything() == before


async def test_creation_ids_open_nothing(it: Tenancy) -> None:
    """RFC 8620 section 3.3: a client may bring any creation ids along."""
    before, answers = await it.everything(), set[str]()
    for of in it.ids.values():
        document = await it.world.api(
            ["Email/set", {"accountId": it.own, "update": {"#f": {"keywords/$seen": True}}}, "0"],
            ["Email/set", {"accountId": it.own, "destroy": ["#f"]}, "1"],
            [
                "Email/import",
                {"accountId": it.own, "emails": {"k": {"blobId": "#b", "mailboxIds": {"#m": True}}}},
                "2",
            ],
            ["Mailbox/set", {"accountId": it.own, "destroy": ["#m"], "onDestroyRemoveEmails": True}, "3"],
            ["EmailSubmission/set", {"accountId": it.own, "destroy": ["#s"]}, "4"],
            ["EmailSubmission/set", {"accountId": it.own, "onSuccessDestroyEmail": ["#s"]}, "5"],
            user=USER,
            createdIds={"f": of.email, "b": of.upload_blob, "m": of.mailbox, "s": of.submission},
        )
        answers.add(of.hidden_in(json.dumps(document["methodResponses"])))
    assert len(answers) == 1
    assert await it.everything() == before


ADDRESSES = (
    ("GET", "/jmap/download/{account}/{message_blob}/x"),
    ("GET", "/jmap/download/{account}/{upload_blob}/x?type=text/plain"),
    ("GET", "/jmap/download/{own}/{message_blob}/x"),
    ("GET", "/jmap/download/{own}/{part_blob}/x"),
    ("GET", "/jmap/download/{own}/{upload_blob}/x"),
    ("HEAD", "/jmap/download/{own}/{upload_blob}/x"),
    ("POST", "/jmap/upload/{account}"),
    ("POST", "/jmap/upload/{account}/"),
    ("GET", "/view/{account}/{email}"),
    ("GET", "/view/{own}/{email}"),
    ("GET", "/view/{own}/{email}?part=1&as=text"),
)


async def test_addresses_of_another_account_hold_nothing(it: Tenancy) -> None:
    """T1, T2: nor does a conditional request tell that a blob is there (RFC 9110 section 13.1.2)."""
    before, call = await it.everything(), partial(call_app, it.world.app)
    for method, path in ADDRESSES:
        answers = set()
        for whose, of in it.ids.items():
            names = asdict(of) | {"own": it.own}
            blob = {"if-none-match": f'"{of.upload_blob}"'} if "{upload_blob}" in path else {}
            answer = await call(method, path.format(**names), headers=basic(USER) | blob, body=b"x")
            assert answer.status == 404, (method, path, whose)
            assert CANARY.encode() not in answer.body
            answers.add((str(answer.headers), of.hidden_in(answer.body.decode())))
            if whose in {"kin", "stranger"} and method != "POST":
                # It opens for its owner, so that the test is about rights and not about typing.
                owner = basic(ANNA if whose == "kin" else CARLA)
                mine = path.format(**names | {"own": of.account})
                assert (await call(method, mine, headers=owner)).status == 200, (method, mine)
        assert len(answers) == 1, (method, path)
    assert await it.everything() == before


async def test_an_event_source_tells_of_ones_own_account_only(it: Tenancy) -> None:
    """RFC 8620 section 7.3: the address has no accountId, and one that is given changes nothing."""
    path = "/jmap/eventsource?types=*&closeafter=state&ping=0&accountId={}"
    told = set()
    for of in it.ids.values():
        headers = basic(USER) | {"last-event-id": "0.0.0.0.0"}
        answer = await call_app(it.world.app, "GET", path.format(of.account), headers=headers)
        assert answer.status == 200
        told.add(answer.body)
    assert len(told) == 1
    (event,) = told
    assert list(json.loads(event.split(b"data: ")[1])["changed"]) == [it.own]
