"""The corpus: habits and attacks met in real mail, each with the tree that it must give.

`tests/corpora/message/NAME.eml` is the message, `NAME.json` says why it is there and what must come out. The
trees were written by hand, from the standards. Keys of a part: type, parts, text (line ends LF) or hex
(decoded octets), and what else matters in the message: charset, filename, disposition, cid, problem, …
"""

import json
from pathlib import Path

import pytest

from pymailcore.message.facts import unpack
from pymailcore.message.parse import parse
from pymailcore.message.prepare import prepare
from pymailcore.message.split import join
from pymailcore.message.structure import Part
from pymailcore.message.text import decode_body, flowed_text_of, text_of

CORPUS = Path(__file__).parents[1] / "corpora" / "message"
NAMES = sorted(path.stem for path in CORPUS.glob("*.eml"))


def shown(octets: bytes, part: Part, wanted: dict[str, object]) -> dict[str, object]:
    """Give the tree of a part with just the keys that the expected one has."""
    text, problem = text_of(octets, part) if part.type == "text" else ("", False)
    everything: dict[str, object] = {
        "type": part.mime_type,
        "text": text,
        "hex": decode_body(octets, part).hex() if "hex" in wanted else "",
        "flowed": flowed_text_of(octets, part)[0] if "flowed" in wanted else "",
        "charset": part.charset,
        "filename": part.filename,
        "disposition": part.disposition,
        "cid": part.cid,
        "language": list(part.language),
        "location": part.location,
        "md5": part.md5,
        "description": part.description,
        "parameters": part.parameters,
        "problem": problem,
    }
    given = {key: value for key, value in everything.items() if key in wanted or key == "problem"}
    if not problem and "problem" not in wanted:
        del given["problem"]
    if "parts" in wanted or part.children:
        parts = wanted.get("parts", [])
        assert isinstance(parts, list)
        padded = parts + [{}] * (len(part.children) - len(parts))
        given["parts"] = [
            shown(octets, child, below) for child, below in zip(part.children, padded, strict=False)
        ]
    return given


@pytest.mark.parametrize("name", NAMES)
def test_the_tree_is_the_expected_one(name: str) -> None:
    """RFC 2045, RFC 2046, RFC 2047, RFC 2231 and RFC 5322, as each file says."""
    octets = (CORPUS / f"{name}.eml").read_bytes()
    expected = json.loads((CORPUS / f"{name}.json").read_text("utf-8"))
    assert expected["why"].endswith((".", ":", "!"))
    assert shown(octets, parse(octets).root, expected["tree"]) == expected["tree"]
    prepared = prepare(octets)
    facts = unpack(prepared.facts)
    values: dict[str, object] = {
        "subject": facts.subject,
        "from": None if facts.from_ is None else [list(address) for address in facts.from_],
        "to": None if facts.to is None else [list(address) for address in facts.to],
        "date": None if facts.sent_at is None else facts.sent_at.replace("Z", "+00:00"),
        "message_ids": facts.message_id,
        "references": facts.references,
    }
    header = expected.get("header", {})
    assert {key: values[key] for key in header} == header
    assert join(prepared.recipe, prepared.skeleton, [leaf.octets for leaf in prepared.leaves]) == octets
    assert (prepared.envelope + prepared.body + prepared.bodystructure).isascii()


def test_the_corpus_is_large_enough_and_each_message_is_explained() -> None:
    """At least 120, and no file without its partner."""
    assert len(NAMES) >= 120
    assert {path.stem for path in CORPUS.glob("*.json")} == set(NAMES)
