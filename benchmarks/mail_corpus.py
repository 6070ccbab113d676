"""Mail that is like mail: the same messages for the same count, whoever asks.

Words are as frequent as words are (Zipf); a part of the mail is Russian, Greek, Chinese, Japanese or German,
in the charsets that such mail comes in. There are plain texts, HTML, both, base64, quoted-printable and files
of octets. Headers are those that a message has gathered on its way, signature and all; two in five messages
answer another one. Some needles are put in on purpose (`rare`, `PHRASE`).
"""

import base64
import binascii
import functools
import itertools
import quopri
import random
from collections import deque
from collections.abc import Iterator
from email.header import Header
from email.utils import formatdate
from typing import Final, NamedTuple

from benchmarks.search_index import vocabulary

RARE: Final = 20
RARE_MAILS: Final = 3
PHRASE: Final = "the meeting about harbour dues"
_PHRASE_EVERY: Final = 250
_PHRASE_CUT_EVERY: Final = 1_250
"""In so many of them a line ends within the phrase."""

LISTS: Final = 40
SENDERS: Final = 1_500
_BEGUN: Final = 1_600_000_000
_APART: Final = 1_900  # seconds
_PER_LINE: Final = 11
_OTHERS: Final = (
    ("koi8-r", "письмо договор встреча вопрос ответ город время работа проект счёт оплата завтра отчёт"),
    ("iso-8859-7", "γράμμα ερώτηση απάντηση πόλη χρόνος έργο λογαριασμός αύριο σύσκεψη συμφωνία"),
    ("iso-2022-jp", "会議の 資料を 送ります 明日の 予定は 東京で 報告書 よろしく お願いします 契約 請求書"),
    ("utf-8", "会议 资料 明天 计划 北京 报告 合同 发票 谢谢 项目 付款 问题"),
    ("iso-8859-1", "Straße Grüße Übersicht Prüfung Gebühr Verträge schön möglich Änderung wöchentlich"),
)


class Mail(NamedTuple):
    """One message.

    Attributes:
        text_octets: of its header and of its text parts, decoded.
    """

    octets: bytes
    seconds: int
    text_octets: int


class _Parent(NamedTuple):
    references: tuple[str, ...]
    subject: str


def rare(number: int) -> str:
    """A word that is in three messages."""
    return "qvorlix" + "".join(chr(97 + int(digit)) for digit in f"{number:03d}")


@functools.cache
def _marked() -> tuple[list[str], list[float]]:
    """The vocabulary, each word also with a mark behind it."""
    words, sums = vocabulary()
    single = [high - low for low, high in itertools.pairwise([0.0, *sums])]
    marks = itertools.cycle(",,,..;:?!)")
    both = [(word, share * 0.9) for word, share in zip(words, single, strict=True)]
    both += [(word + next(marks), share * 0.1) for word, share in zip(words, single, strict=True)]
    return [word for word, _ in both], list(itertools.accumulate(share for _, share in both))


def _lines(source: random.Random, octets: int) -> list[str]:
    words, sums = _marked()
    chosen = source.choices(words, cum_weights=sums, k=max(6, octets // 6))
    return [" ".join(chosen[at : at + _PER_LINE]) for at in range(0, len(chosen), _PER_LINE)]


class Corpus:
    """So many messages."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._rare: dict[int, str] = {}
        for number in range(RARE):
            for copy in range(RARE_MAILS):
                self._rare[(number * 7_919 + copy * 104_729 + 13) % count] = rare(number)

    def __iter__(self) -> Iterator[Mail]:
        parents: deque[_Parent] = deque(maxlen=400)
        return (self._mail(number, parents) for number in range(self.count))

    def _mail(self, number: int, parents: deque[_Parent]) -> Mail:
        source = random.Random(number)
        seconds = _BEGUN + number * _APART + source.randrange(_APART)
        fields = self._header(source, number, seconds, parents)
        charset, lines = self._text(source, number)
        kind = source.random()
        typed, body, text_octets = _body(source, kind, charset, lines)
        header = "\r\n".join([*fields, "MIME-Version: 1.0", *typed]) + "\r\n\r\n"
        return Mail(header.encode() + body, seconds, len(header) + text_octets)

    def _text(self, source: random.Random, number: int) -> tuple[str, list[str]]:
        lines = _lines(source, int(source.lognormvariate(7.8, 0.8)))
        charset = "utf-8"
        if number % 12 == 5:
            charset, words = _OTHERS[number // 12 % len(_OTHERS)]
            lines = lines[:3] + [
                " ".join(source.choices(words.split(), k=_PER_LINE)) for _ in range(len(lines) // 2 + 1)
            ]
        if number in self._rare:
            lines.insert(len(lines) // 2, f"see {self._rare[number]} for it")
        if number % _PHRASE_EVERY == 7:
            cut = number % _PHRASE_CUT_EVERY == 7
            lines[1:1] = PHRASE.replace("about ", "about\n").split("\n") if cut else [f"so {PHRASE} is over"]
        return charset, lines

    def _header(self, source: random.Random, number: int, seconds: int, parents: deque[_Parent]) -> list[str]:
        words, _ = vocabulary()
        sender = int(SENDERS * source.random() ** 2)
        first, last = words[300 + sender % 977], words[2_000 + sender]
        host = f"{words[500 + sender % 61]}.example"
        message_id = f"<{source.getrandbits(80):x}.{number}@{host}>"
        if parents and source.random() < 0.4:
            parent = source.choice(parents)
            subject, references = f"Re: {parent.subject}", parent.references[-9:]
        else:
            subject, references = " ".join(_lines(source, 36)[0].split()[:7]), ()
            if number % 12 == 5:
                subject = _OTHERS[number // 12 % len(_OTHERS)][1][:18] + " " + subject
        parents.append(_Parent((*references, message_id), subject.removeprefix("Re: ")))
        date = formatdate(seconds)
        written = subject if subject.isascii() else Header(subject, "utf-8").encode(linesep="\r\n")
        fields = [
            f"Return-Path: <{first}.{last}@{host}>",
            f"Received: from mail{sender % 50}.{host} (mail{sender % 50}.{host} [192.0.2.{sender % 250}])\r\n"
            f"\tby mx1.bench.test (Postfix) with ESMTPS id {source.getrandbits(60):X}\r\n"
            f"\tfor <user@bench.test>; {date}",
            f"Received: from [198.51.100.{sender % 250}] by mail{sender % 50}.{host} with ESMTPSA id"
            f" {source.getrandbits(48):x};\r\n\t{date}",
            *_signature(source, host, seconds),
            f"Authentication-Results: mx1.bench.test; dkim=pass header.d={host} header.s=s{sender % 3};\r\n"
            f"\tspf=pass smtp.mailfrom={host}; dmarc=pass",
            f"From: {first.title()} {last.title()} <{first}.{last}@{host}>",
            f"To: User Name <user@bench.test>{f', {words[900 + sender % 300]}@bench.test' * (sender % 3)}",
            *([f"Cc: {words[700 + number % 200]}@bench.test"] if number % 4 == 0 else []),
            f"Subject: {written}",
            f"Date: {date}",
            f"Message-ID: {message_id}",
        ]
        if references:
            fields += [f"In-Reply-To: {references[-1]}", "References: " + "\r\n ".join(references)]
        if number % 5 == 0:
            name = words[400 + number // 5 % LISTS]
            fields += [f"List-Id: <{name}.lists.bench.test>", "Precedence: list"]
        return [*fields, f"X-Mailer: letters {sender % 7}.{sender % 10}"]


def list_id(number: int) -> str:
    """Part of the name of a mailing list."""
    return f"{vocabulary()[0][400 + number % LISTS]}.lists"


def sender(number: int) -> str:
    """The last name of a sender."""
    return vocabulary()[0][2_000 + number % SENDERS]


def _signature(source: random.Random, host: str, seconds: int) -> list[str]:
    signature = base64.b64encode(source.randbytes(256)).decode()
    cut = "\r\n\t ".join(signature[at : at + 70] for at in range(0, len(signature), 70))
    return [
        f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={host}; s=s1; t={seconds};\r\n"
        "\th=from:to:subject:date:message-id:mime-version:content-type;\r\n"
        f"\tbh={base64.b64encode(source.randbytes(32)).decode()};\r\n\tb={cut}"
    ]


def _encoded(text: str, charset: str, kind: float) -> tuple[list[str], bytes]:
    """A text in one of three transfer encodings, and its fields."""
    octets = text.encode(charset, "replace")
    typed = f"Content-Type: text/plain; charset={charset}"
    if kind < 0.1:
        return [typed, "Content-Transfer-Encoding: base64"], base64.encodebytes(octets).replace(
            b"\n", b"\r\n"
        )
    if kind < 0.25 and charset != "iso-2022-jp":
        coded = quopri.encodestring(octets.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
        return [typed, "Content-Transfer-Encoding: quoted-printable"], coded
    return [typed, "Content-Transfer-Encoding: 8bit"], octets


def _html(lines: list[str]) -> str:
    body = "\r\n".join(f'<p class="t">{line}<br></p>' for line in lines)
    style = "p.t {margin: 0 0 6px; color: #222}"
    return f"<html><head><style>{style}</style></head>\r\n<body>\r\n{body}\r\n</body></html>\r\n"


def _body(source: random.Random, kind: float, charset: str, lines: list[str]) -> tuple[list[str], bytes, int]:
    """The fields of the content, the content, and the octets of its text."""
    text = "\r\n".join(lines) + "\r\n"
    fields, plain = _encoded(text, charset, kind)
    size = len(text.encode())
    if 0.25 <= kind < 0.30:
        html = _html(lines).encode()
        return ["Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: 8bit"], html, size
    if kind < 0.30 or kind >= 0.56:
        return fields, plain, size
    mark = f"=_{source.getrandbits(64):x}"
    first = "\r\n".join(fields).encode() + b"\r\n\r\n" + plain
    if kind < 0.52:
        subtype = "alternative"
        second = b"Content-Type: text/html; charset=utf-8\r\n\r\n" + _html(lines).encode()
        size *= 2
    else:
        subtype = "mixed"
        octets = source.randbytes(int(source.lognormvariate(10.3, 0.7)))
        coded = binascii.b2a_base64(octets, newline=False)
        cut = b"\r\n".join(coded[at : at + 76] for at in range(0, len(coded), 76))
        second = (
            b"Content-Type: application/octet-stream\r\n"
            b'Content-Disposition: attachment; filename="data.bin"\r\n'
            b"Content-Transfer-Encoding: base64\r\n\r\n" + cut + b"\r\n"
        )
    between = f"\r\n--{mark}".encode()
    content = between[2:] + b"\r\n" + first + between + b"\r\n" + second + between + b"--\r\n"
    return [f'Content-Type: multipart/{subtype}; boundary="{mark}"'], content, size
