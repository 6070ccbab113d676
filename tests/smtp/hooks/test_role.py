"""A role behind plug-ins: what they see, and what becomes of what they refuse."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import pytest
import trio
import trio.testing
from tests.support.certificates import contexts
from tests.support.hooks import SETTINGS, converse, hooked
from tests.support.smtp import FakeConnection, FakeContexts, FakeRole, codes, read_codes, server_of

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.ids import AccountId
from pymailcore.sasl.steps import Credentials
from pymailcore.smtp.hooks import (
    AddField,
    Client,
    Disconnect,
    Message,
    PutOff,
    Refuse,
    Tag,
    Transaction,
    hook,
)
from pymailcore.smtp.hooks.plugins import Plugins
from pymailcore.smtp.protocol import events
from pymailcore.smtp.protocol.reply import AUTH_REQUIRED, Reply
from pymailcore.smtp.role import Session

B, C = Address("b", "host.example"), Address("c", "host.example")
HELLO = b"EHLO client.example\r\n"
ENVELOPE = b"MAIL FROM:<a@x.example> SIZE=9\r\nRCPT TO:<b@host.example>\r\nRCPT TO:<c@host.example>\r\n"
MESSAGE = b"DATA\r\nSubject: hi\r\n\r\n.\r\n"


@dataclass(eq=False)
class Watcher:
    """Keeps what it is told."""

    seen: list[tuple[str, object]] = field(default_factory=list)

    @hook
    async def connect(self, client: Client) -> None:
        self.seen.append(("connect", (client.connection, client.address, client.listener, client.trusted)))

    @hook
    async def helo(self, client: Client) -> None:
        self.seen.append(("helo", client.hello))

    @hook
    async def auth(self, client: Client) -> None:
        self.seen.append(("auth", (client.login, client.account)))

    @hook
    async def mail(self, transaction: Transaction) -> None:
        self.seen.append(
            ("mail", (transaction.number, str(transaction.reverse_path), transaction.size_octets))
        )

    @hook
    async def recipient(self, transaction: Transaction, recipient: Address) -> None:
        self.seen.append(("recipient", (len(transaction.recipients), recipient)))

    @hook
    async def data(self, transaction: Transaction) -> None:
        self.seen.append(("data", transaction.recipients))

    @hook
    async def message(self, message: Message) -> None:
        self.seen.append(("message", message.subject))

    @hook
    async def accepted(self, client: Client, transaction: Transaction, answer: str) -> None:
        self.seen.append(("accepted", (transaction.recipients, answer, client.hello)))


async def test_every_hook_is_asked_in_the_order_of_the_way() -> None:
    watcher = Watcher()
    await converse(hooked(FakeRole(), watcher), HELLO + ENVELOPE + MESSAGE + ENVELOPE)
    assert watcher.seen[:8] == [
        ("connect", ("c1", "192.0.2.1", "smtp", False)),
        ("helo", "client.example"),
        ("mail", (1, "a@x.example", 9)),
        ("recipient", (0, B)),
        ("recipient", (1, C)),
        ("data", (B, C)),
        ("message", "hi"),
        ("accepted", ((B, C), "250 2.0.0 Accepted", "client.example")),
    ]
    assert watcher.seen[8] == ("mail", (2, "a@x.example", 9))


async def test_what_the_role_refuses_no_plug_in_is_asked_about() -> None:
    watcher = Watcher()
    octets = HELLO + b"MAIL FROM:<refused@x.example>\r\nMAIL FROM:<>\r\nRCPT TO:<unknown@host.example>\r\n"
    await converse(hooked(FakeRole(), watcher), octets)
    assert [what for what, _ in watcher.seen] == ["connect", "helo", "mail"]


async def test_our_own_networks_are_marked() -> None:
    watcher = Watcher()
    await converse(hooked(FakeRole(), watcher, listener="lmtp"), b"", lmtp=True, peer="127.0.0.9")
    assert watcher.seen == [("connect", ("c1", "127.0.0.9", "lmtp", True))]


@dataclass(eq=False)
class At:
    """Says something at one hook."""

    stage: str
    answer: object

    @hook
    async def connect(self) -> object:
        return self.answer if self.stage == "connect" else None

    @hook
    async def helo(self) -> object:
        return self.answer if self.stage == "helo" else None

    @hook
    async def mail(self) -> object:
        return self.answer if self.stage == "mail" else None

    @hook
    async def recipient(self, recipient: Address) -> object:
        return self.answer if self.stage == "recipient" and recipient == B else None

    @hook
    async def data(self) -> object:
        return self.answer if self.stage == "data" else None

    @hook
    async def message(self) -> object:
        return self.answer if self.stage == "message" else None


@pytest.mark.parametrize(
    ("stage", "answer", "last"),
    [
        ("connect", Refuse("no"), [b"554"]),
        ("connect", PutOff("no"), [b"421"]),
        ("helo", Refuse("no"), [b"550"]),
        ("mail", PutOff("no"), [b"451"]),
        ("recipient", Refuse("no"), [b"550"]),
        ("data", Refuse("no"), [b"554"]),
        ("message", PutOff("no", "4.7.9"), [b"451"]),
        ("message", Disconnect("no"), [b"421"]),
    ],
)
async def test_a_refusal_has_the_code_of_its_place(
    stage: str, answer: Refuse | PutOff | Disconnect, last: list[bytes]
) -> None:
    """RFC 5321 sections 3.1 and 4.3.2."""
    steps = {
        "connect": b"",
        "helo": HELLO,
        "mail": HELLO + b"MAIL FROM:<>\r\n",
        "recipient": HELLO + b"MAIL FROM:<>\r\nRCPT TO:<b@host.example>\r\n",
        "data": HELLO + b"MAIL FROM:<>\r\nRCPT TO:<b@host.example>\r\nDATA\r\n",
        "message": HELLO + b"MAIL FROM:<>\r\nRCPT TO:<b@host.example>\r\n" + MESSAGE,
    }
    role = FakeRole()
    assert codes(await converse(hooked(role, At(stage, answer)), steps[stage]))[-1:] == last
    assert role.messages == []


async def test_of_lmtp_each_recipient_is_refused_with_the_message() -> None:
    """RFC 2033 section 4.2."""
    role = hooked(FakeRole(), At("message", Refuse("no")), listener="lmtp")
    octets = b"LHLO client.example\r\n" + ENVELOPE + MESSAGE
    assert codes(await converse(role, octets, lmtp=True))[-2:] == [b"550", b"550"]


@dataclass(eq=False)
class Forgetful(FakeRole):
    """Keeps the recipients that it is to forget."""

    withdrawn: list[Address] = field(default_factory=list)

    def withdraw(self, event: events.Recipient) -> None:
        """Note it."""
        self.withdrawn.append(event.forward_path)


async def test_a_recipient_that_a_plug_in_refuses_is_taken_back_from_the_role() -> None:
    role = Forgetful()
    await converse(hooked(role, At("recipient", Refuse("no"))), HELLO + ENVELOPE + MESSAGE)
    assert role.withdrawn == [B]
    assert role.messages[0][0].recipients == (C,)


async def test_header_fields_and_tags_of_a_transaction_end_with_it() -> None:
    class Marks:
        @hook
        async def connect(self) -> Sequence[AddField | Tag]:
            return AddField("X-From", "here"), Tag("marks.connection")

        @hook
        async def mail(self, client: Client, transaction: Transaction) -> Sequence[AddField | Tag] | None:
            assert "marks.transaction" not in client.tags
            first = transaction.number == 1
            return (AddField("X-Score", "grün"), Tag("marks.transaction")) if first else None

        @hook
        async def message(self, client: Client, transaction: Transaction) -> AddField:
            assert ("marks.transaction" in client.tags) == (transaction.number == 1)
            assert "marks.connection" in client.tags
            return AddField("X-Last", str(transaction.number))

    role = FakeRole()
    await converse(hooked(role, Marks()), HELLO + 2 * (ENVELOPE + MESSAGE))
    assert [octets for _, octets in role.messages] == [
        b"X-Score: =?utf-8?Q?gr=C3=BCn?=\r\nX-Last: 1\r\nX-From: here\r\nSubject: hi\r\n\r\n",
        b"X-Last: 2\r\nX-From: here\r\nSubject: hi\r\n\r\n",
    ]


async def test_what_holds_for_a_connection_is_there_once_however_often_a_client_says_ehlo() -> None:
    role = FakeRole()
    plugin = At("helo", [AddField("X-Hello", "yes"), Tag("said.it")])
    await converse(hooked(role, plugin), 3 * HELLO + ENVELOPE + MESSAGE)
    assert role.messages[0][1] == b"X-Hello: yes\r\nSubject: hi\r\n\r\n"


async def test_what_was_found_at_the_beginning_holds_after_starttls(nursery: trio.Nursery) -> None:
    """RFC 3207 section 4.2: what the client said is forgotten; what we found out about it is not."""
    role = FakeRole()
    tags: list[set[str]] = []

    class Finder:
        @hook
        async def connect(self) -> Sequence[AddField | Tag]:
            return Tag("found.it"), AddField("X-From", "here")

        @hook
        async def helo(self, client: Client) -> Tag:
            tags.append(set(client.tags))
            return Tag("said.it")

    server = server_of(hooked(role, Finder()), SETTINGS, tls="starttls", contexts=FakeContexts(contexts()[0]))
    ours, theirs = trio.testing.memory_stream_pair()
    nursery.start_soon(server.serve_connection, FakeConnection(ours))
    await read_codes(theirs, 1)
    await theirs.send_all(HELLO + b"STARTTLS\r\n")
    await read_codes(theirs, 2)
    tls = trio.SSLStream(theirs, contexts()[1], server_hostname="mx.example")
    await tls.send_all(HELLO + ENVELOPE + MESSAGE + b"QUIT\r\n")
    await read_codes(tls, 7)
    assert role.messages[0][1].startswith(b"X-From: here\r\n")
    assert tags == [{"found.it"}, {"found.it"}]
    assert not role.sessions[-1].marks


async def test_who_is_told_of_an_accepted_message_is_told_who_has_it() -> None:
    """In LMTP some may have it and others not."""
    yes, no = Reply(250, "2.0.0", "Accepted as c1.1"), Reply(452, "4.2.2", "Full")

    def answer(_envelope: Envelope, _octets: bytes) -> Sequence[Reply]:
        return [no, yes]

    watcher = Watcher()
    role = hooked(FakeRole(answer=answer), watcher, listener="lmtp")
    await converse(role, b"LHLO client.example\r\n" + ENVELOPE + MESSAGE, lmtp=True)
    assert watcher.seen[-1] == ("accepted", ((C,), "250 2.0.0 Accepted as c1.1", "client.example"))


async def test_a_message_is_known_by_what_came() -> None:
    """Plug-ins and the role see the digest of the mail data, also where fields of ours stand on top."""
    digests = []

    class Knows:
        @hook
        async def message(self, message: Message) -> AddField:
            digests.append(message.digest)
            return AddField("X-Digest", message.digest[:16])

        @hook
        async def accepted(self, message: Message) -> None:
            digests.append(message.digest)

    role = FakeRole()
    await converse(hooked(role, Knows()), HELLO + ENVELOPE + MESSAGE)
    expected = sha256(b"Subject: hi\r\n\r\n").hexdigest()
    assert (digests, role.digests) == ([expected] * 2, [expected])
    assert role.messages[0][1] == f"X-Digest: {expected[:16]}\r\nSubject: hi\r\n\r\n".encode()


@pytest.mark.parametrize("trouble", [Refuse("no"), ZeroDivisionError()])
async def test_a_message_that_is_on_disk_stays_accepted(trouble: object) -> None:
    class Late:
        @hook
        async def accepted(self) -> object:
            if isinstance(trouble, Exception):
                raise trouble
            return trouble

    said = await converse(hooked(FakeRole(), Late(), on_fault="put-off"), HELLO + ENVELOPE + MESSAGE)
    assert codes(said)[-1] == b"250"


@dataclass(eq=False)
class Signs(FakeRole):
    """Takes mail from who has logged in."""

    takes_logins: bool = True
    way: str = "submission"
    login: str = ""

    def begin(self, session: Session) -> FakeRole:
        """Nobody is logged in."""
        self.login = ""
        return super().begin(session)

    async def authenticate(self, event: events.Authenticate) -> Reply | None:  # noqa: ARG002 - the contract
        """Note who it is."""
        self.login = "tim@host.example"
        self.sessions[-1].signed_in(AccountId(7), self.login)
        return None

    async def mail(self, event: events.Mail) -> Reply | None:  # noqa: ARG002 - part of the contract
        """Only after a login."""
        return None if self.login else AUTH_REQUIRED


AUTH = b"AUTH PLAIN " + base64.b64encode(b"\0tim\0tanstaaf") + b"\r\n"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (None, [b"220", b"250", b"235", b"250"]),
        (lambda: Refuse("Not from there", "5.7.8"), [b"220", b"250", b"535", b"530"]),
        (lambda: PutOff("Not now", "4.7.0"), [b"220", b"250", b"454", b"530"]),
        (lambda: 1 // 0, [b"220", b"250", b"454", b"530"]),
    ],
)
async def test_a_login_that_a_plug_in_refuses_is_none(
    answer: Callable[[], object] | None, expected: list[bytes]
) -> None:
    """RFC 4954 section 6; the role has taken the login, and must not know it any more."""

    class Guard:
        @hook
        async def auth(self, client: Client) -> object:
            assert (client.login, client.account) == ("tim@host.example", 7)
            return answer() if answer else None

    role = hooked(Signs(), Guard(), listener="submission", on_fault="put-off")
    said = await converse(role, HELLO + AUTH + b"MAIL FROM:<>\r\n", plaintext_login=True)
    assert codes(said) == expected


@pytest.mark.parametrize("refusal", [None, Refuse("Not from there", "5.7.8")])
async def test_who_drives_the_conversation_hears_of_a_login_that_holds(refusal: Refuse | None) -> None:
    told = []

    class Guard:
        @hook
        async def auth(self) -> Refuse | None:
            return refusal

    session = Session(
        connection_id="c1",
        peer="192.0.2.1",
        tls="",
        signed_in=lambda account, login: told.append((account, login)),
    )
    conversation = hooked(Signs(), Guard(), listener="submission").begin(session)
    await conversation.authenticate(events.Authenticate("PLAIN", Credentials("tim", "", "tanstaaf")))
    assert told == ([] if refusal else [(7, "tim@host.example")])


def test_no_plug_ins_are_no_calls() -> None:
    """The hooks that nobody has cost a look into a mapping."""
    role = hooked(FakeRole(), At("mail", None), listener="submission")
    assert role.calls.keys() == {"connect", "helo", "mail", "recipient", "data", "message"}
    assert Plugins((), role.plugins._metrics).at("smtp") == {}
