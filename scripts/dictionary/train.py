"""Make the zstd dictionary that the beginnings of messages are compressed with.

python scripts/dictionary/train.py FILE

The messages that it learns from are made of scripts/dictionary/templates.txt with names, addresses and
signatures by chance, the same in each run. A dictionary that was released is never changed: blobs on disks of
others need it. A better one is a new file with an encoding of its own (pymailcore.store.encoding).
"""

# ruff: noqa: SIM905 - lists of words are easier to read as one line

import base64
import random
import re
import sys
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path

import zstandard

OCTETS = 16 * 1024
MESSAGES = 8_000
LEVEL = 3

_GROUP = re.compile(r"^\[(\w+) (\d) (\d)\]\n", re.MULTILINE)
_FIELD = re.compile(r"\{(\w+)(?::(\d+))?\}")
_SYLLABLES = "ba be bo ca co da de di do fa fo ga ha in ka ko la le li lo ma me mi na no or pa ra ro".split()
_FIRST = (
    "Anna Ben Clara David Emma Felix Greta Hugo Ida Jan Karin Lukas Maria Nils Olga Paul Rosa Simon".split()
)
_LAST = (
    "Smith Jones Miller Brown Weber Meyer Garcia Rossi Dubois Tanaka Wang Kumar Novak Nielsen Larsen".split()
)
_ENDINGS = "com org net de co.uk fr io eu example info ch at nl".split()
_ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_ZONES = "+0000 +0000 +0000 +0100 +0200 -0400 -0500 -0700 -0800 +0900".split()
_HOSTS = "mail mx smtp out relay mout mx1 mx2 a4 lists".split()
_BOUNDARIES = (
    "----=_Part_{digits:6}_{digits:9}.{time}000",
    "000000000000{hex:16}",
    "b1_{hex:32}",
    "Apple-Mail=_{HEX:8}-{HEX:4}-{HEX:4}-{HEX:4}-{HEX:12}",
    "------------{alnum:24}",
    "_000_{HEX:15}{HEX:15}_",
    "==============={digits:19}==",
    "--==_mimepart_{hex:12}_{hex:10}",
)


class Writer:
    """Writes one message after the other."""

    def __init__(self, templates: str, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - the same messages in each run
        marks = list(_GROUP.finditer(templates))
        ends = [mark.start() for mark in marks[1:]] + [len(templates)]
        self._groups = [
            (int(mark[2]), int(mark[3]), templates[mark.end() : end].strip("\n").split("\n--\n"))
            for mark, end in zip(marks, ends, strict=True)
        ]
        self._fixed: dict[str, str] = {}

    def message(self) -> bytes:
        """A header, and what the skeleton of its body may be."""
        chance = self._random
        self._fixed = {}
        self._fixed = {
            "domain": self._domain(),
            "me": f"mx.{self._domain()}",
            "to": self._address(self._domain()),
            "boundary": self._fill(chance.choice(_BOUNDARIES)),
        }
        self._fixed["from"] = self._address(self._fixed["domain"])
        self._fixed["toverp"] = self._fixed["to"].replace("@", "=")
        chosen = [
            template
            for least, most, templates in self._groups
            for template in chance.sample(templates, min(len(templates), chance.randint(least, most)))
        ]
        return (self._fill("\n".join(chosen)) + "\n").replace("\n", "\r\n").encode()

    def _fill(self, template: str) -> str:
        return _FIELD.sub(lambda found: self._value(found[1], int(found[2] or 0)), template)

    def _value(self, name: str, size: int) -> str:
        if name in self._fixed:
            return self._fixed[name]
        makers: dict[str, Callable[[], str]] = {
            "hex": lambda: self._letters("0123456789abcdef", size),
            "HEX": lambda: self._letters("0123456789ABCDEF", size),
            "digits": lambda: self._letters("123456789", size),
            "alnum": lambda: self._letters(_ALPHANUMERIC, size),
            "b64": lambda: self._base64(size),
            "fold": lambda: re.sub("(.{70})", "\\1\n\t", self._base64(size)),
            "ip": lambda: ".".join(str(self._random.randint(1, 254)) for _ in range(4)),
            "ip6": lambda: "2a01:" + ":".join(self._letters("0123456789abcdef", 4) for _ in range(3)) + "::1",
            "host": lambda: f"{self._random.choice(_HOSTS)}.{self._domain()}",
            "word": self._word,
            "words": lambda: " ".join(self._word() for _ in range(self._random.randint(2, 8))).capitalize(),
            "person": lambda: f"{self._random.choice(_FIRST)} {self._random.choice(_LAST)}",
            "address": lambda: self._address(self._domain()),
            "time": lambda: str(self._random.randint(1_690_000_000, 1_890_000_000)),
            "date": self._date,
        }
        made = makers.get(name)
        return made() if made is not None else f"{{{name}}}"

    def _letters(self, letters: str, size: int) -> str:
        return "".join(self._random.choices(letters, k=size))

    def _base64(self, size: int) -> str:
        return base64.b64encode(self._random.randbytes(size)).decode()

    def _word(self) -> str:
        return "".join(self._random.choices(_SYLLABLES, k=self._random.randint(2, 4)))

    def _domain(self) -> str:
        return f"{self._word()}.{self._random.choice(_ENDINGS)}"

    def _address(self, domain: str) -> str:
        first, last = self._random.choice(_FIRST).lower(), self._random.choice(_LAST).lower()
        return f"{self._random.choice((first, f'{first}.{last}', f'{first[0]}{last}', 'info'))}@{domain}"

    def _date(self) -> str:
        date = formatdate(self._random.randint(1_690_000_000, 1_890_000_000))
        return date.replace("-0000", self._random.choice(_ZONES)) + self._random.choice(
            ("", "", "", " (UTC)")
        )


def main(path: Path) -> None:
    """Train, and write the dictionary."""
    templates = Path(__file__).with_name("templates.txt").read_text("utf-8")
    writer = Writer(templates, 1)
    dictionary = zstandard.train_dictionary(OCTETS, [writer.message() for _ in range(MESSAGES)], level=LEVEL)
    path.write_bytes(dictionary.as_bytes())
    others = Writer(templates, 2)
    fresh = [others.message() for _ in range(500)]
    plain, better = (zstandard.ZstdCompressor(level=LEVEL, dict_data=some) for some in (None, dictionary))
    octets = sum(map(len, fresh))
    for name, compressor in (("without", plain), ("with", better)):
        packed = sum(len(compressor.compress(one)) for one in fresh)
        print(f"{name}: {packed / octets:.3f} of {octets // len(fresh)} octets")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
