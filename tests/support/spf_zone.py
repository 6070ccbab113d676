"""SPF tried against a DNS that is a dict: names to lines such as "TXT v=spf1 -all", "MX 10 m.example".

A line "MX fails" is a question that nobody answers; a name that is not there does not exist.
"""

from collections.abc import Mapping, Sequence

import trio

from pymailcore.base.address import Address
from pymailcore.mailauth.questions import Answer, Question
from pymailcore.mailauth.spf import Sending, Verdict, check_host

Zone = Mapping[str, Sequence[str]]

PEER = "192.0.2.1"
PEER6 = "2001:db8::cb01"


def look_up(zone: Zone, question: Question) -> Answer:
    """Answer one question."""
    lines = zone.get(question.name.lower())
    if lines is None:
        return Answer(exists=False)
    values = [value for kind, _, value in (line.partition(" ") for line in lines) if kind == question.kind]
    if "fails" in values:
        return Answer(failed=True)
    if question.kind == "TXT":
        return Answer(texts=tuple(value.encode("latin-1") for value in values))
    if question.kind == "MX":
        exchanges = sorted((int(rank), host) for rank, _, host in (value.partition(" ") for value in values))
        return Answer(hosts=tuple(host for _, host in exchanges))
    return Answer(hosts=tuple(values))


def sending(
    sender: str | None = "ann@e.example",
    peer: str = PEER,
    hello: str = "mail.e.example",
    *,
    explain: bool = True,
) -> Sending:
    """Who wants to send what; no sender is the null reverse-path."""
    path = None if sender is None else Address(*sender.rsplit("@", 1))
    return Sending(
        peer=peer,
        hello=hello,
        reverse_path=path,
        receiver="mx.host.example",
        now_seconds=1_700_000_000,
        explain=explain,
    )


def evaluate(zone: Zone, who: Sending | None = None, asked: list[Question] | None = None) -> Verdict:
    """Give the result; `asked` gets the questions."""
    questions = [] if asked is None else asked
    asking = check_host(sending() if who is None else who)
    try:
        question = next(asking)
        while True:
            questions.append(question)
            question = asking.send(look_up(zone, question))
    except StopIteration as said:
        verdict: Verdict = said.value
        return verdict


def result_of(record: str, zone: Zone | None = None, peer: str = PEER) -> str:
    """The result for a peer where e.example has one record."""
    return evaluate({"e.example": [f"TXT {record}"], **(zone or {})}, sending(peer=peer)).result


class ZoneLookups:
    """A resolver over a zone: an answer takes a second, unless it is one that is known.

    Attributes:
        is_cached: all is known.
        asked: what was asked for, however it was answered.
    """

    def __init__(self, zone: Zone, *, is_cached: bool = False) -> None:
        self.zone = zone
        self.is_cached = is_cached
        self.asked: list[Question] = []

    def known(self, question: Question) -> Answer | None:
        """The answer, if it is known."""
        if not self.is_cached:
            return None
        self.asked.append(question)
        return look_up(self.zone, question)

    async def answer(self, question: Question) -> Answer:
        """The answer."""
        self.asked.append(question)
        await trio.sleep(1)
        return look_up(self.zone, question)
