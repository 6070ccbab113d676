"""Plug-ins that answer, fail, hang and are cancelled at each stage, against the model of the core (S6)."""

from dataclasses import dataclass, field

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.hooks import converse, hooked
from tests.support.smtp import FakeRole, codes
from tests.support.smtp_model import Model

from pymailcore.base.address import Address
from pymailcore.smtp.hooks import Client, Disconnect, Message, PutOff, Refuse, Transaction, hook

Verdict = Refuse | PutOff | Disconnect | None
WORDS = {b"never": 550, b"later": 451, b"raise": 451, b"stuck": 451, b"bye": 421, b"gone": 0}
"""What the plug-in does for a word that it meets; 0: the connection is cancelled while it thinks."""


@dataclass(eq=False)
class Moody:
    """Answers by words in what it is asked about."""

    scope: trio.CancelScope
    asked: list[bytes] = field(default_factory=list)

    async def _decide(self, text: str) -> Verdict:
        word = next((word for word in WORDS if word.decode() in text), b"")
        await trio.lowlevel.checkpoint()
        match word:
            case b"never":
                return Refuse("never")
            case b"later":
                return PutOff("later")
            case b"bye":
                return Disconnect("bye")
            case b"raise":
                raise ZeroDivisionError
            case b"stuck":
                await trio.sleep_forever()
            case b"gone":
                self.scope.cancel()
                await trio.sleep_forever()
        return None

    @hook
    async def helo(self, client: Client) -> Verdict:
        return await self._decide(client.hello)

    @hook
    async def mail(self, transaction: Transaction) -> Verdict:
        return await self._decide(str(transaction.reverse_path))

    @hook
    async def recipient(self, recipient: Address) -> Verdict:
        return await self._decide(str(recipient))

    @hook
    async def data(self, transaction: Transaction) -> Verdict:
        _, _, number = str(transaction.reverse_path).partition("data.")
        return await self._decide(list(WORDS)[int(number[0])].decode() if number else "")

    @hook
    async def message(self, message: Message) -> Verdict:
        self.asked.append(message.octets)
        return await self._decide(message.octets.decode("latin-1"))


def model() -> Model:
    """A model with the same words."""
    at_data = {b"data.%d" % number: code for number, code in enumerate(WORDS.values())}
    at_data = {word: 554 if code == 550 else code for word, code in at_data.items()}
    return Model(verdicts=WORDS, data_verdicts=at_data, text_verdicts=WORDS)


TEXTS = st.sampled_from(
    [b"Subject: " + name + b"\r\n\r\nx\r\n" for name in [b"yes", *WORDS]] + [b"x\n\r\n", b""]
)
OFTEN_GOOD = st.sampled_from([b"yes"] * 24 + [b"also", *WORDS])
HELLO = OFTEN_GOOD.map(lambda name: b"EHLO " + name + b".example\r\n")
AT_DATA = st.integers(0, len(WORDS) - 1).map(lambda number: b"data.%d" % number)
MAIL = st.one_of(OFTEN_GOOD, AT_DATA).map(lambda name: b"MAIL FROM:<" + name + b"@x.example>\r\n")
RCPT = OFTEN_GOOD.map(lambda name: b"RCPT TO:<" + name + b"@host.example>\r\n")
DATA = TEXTS.map(lambda text: b"DATA\r\n" + text + b".\r\n")
BDAT = st.tuples(TEXTS, st.sampled_from([b"", b" LAST"])).map(
    lambda chunk: b"BDAT %d%s\r\n" % (len(chunk[0]), chunk[1]) + chunk[0]
)
OTHERS = st.sampled_from([b"RSET\r\n", b"NOOP\r\n", b"DATA\r\n.\r\n", b"NOPE\r\n", b"STARTTLS\r\n"])
AFTER = st.sampled_from([b"", b"RCPT TO:<also@host.example>\r\n", b"BDAT 3 LAST\r\nx\r\n", b"DATA\r\n.\r\n"])
WHOLE = st.tuples(HELLO, MAIL, RCPT, st.one_of(DATA, DATA, BDAT), AFTER).map(b"".join)
STEPS = st.lists(st.one_of(OTHERS, HELLO, MAIL, RCPT, DATA, BDAT, WHOLE, WHOLE, WHOLE), max_size=10).map(
    b"".join
)


def run(octets: bytes) -> tuple[list[int], FakeRole, Moody]:
    """Let a server with the plug-in take a conversation; give the codes after the greeting."""
    role = FakeRole(decision=lambda _event: None)
    plugin = Moody(trio.CancelScope())

    async def main() -> bytes:
        return await converse(hooked(role, plugin, on_fault="put-off"), octets, scope=plugin.scope)

    said = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return [int(code) for code in codes(said)][1:], role, plugin


@given(octets=STEPS)
@settings(max_examples=150)
def test_whatever_a_plug_in_does_the_envelope_is_what_the_model_has(octets: bytes) -> None:
    """S6: each reply shows what the envelope is; every message is judged, what was refused is not stored."""
    expected = model()
    expected.run(octets)
    answers, role, plugin = run(octets)
    assert plugin.asked == expected.asked
    taken = [
        (f"<{envelope.reverse_path}>".encode(), tuple(f"<{to}>".encode() for to in envelope.recipients), text)
        for envelope, text in role.messages
    ]
    assert taken == expected.messages
    if expected.cut:  # the connection was cancelled, maybe with replies that were not sent
        assert answers == expected.codes[: len(answers)]
    else:
        assert answers == expected.codes
