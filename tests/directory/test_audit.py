"""audit: one record behind the other, without secrets."""

import hashlib

import pytest

from pymailcore.directory.audit import ZERO, Record, as_text, digest_of

RECORD = Record(1, 2, 3, "operator:root@cli", "", "account.set", "ann@a.example", "", '{"state":"x"}', b"")


def test_the_digest_is_as_the_manual_says() -> None:
    """docs/operate/audit.md tells it in words, for those who check an export with tools of their own."""
    octets = b"pymailcore audit 1\0" + bytes(32)
    for text in ("1", "2", "3", "operator:root@cli", "", "account.set", "ann@a.example", "", '{"state":"x"}'):
        octets += len(text).to_bytes(4, "big") + text.encode()
    assert digest_of(ZERO, RECORD) == hashlib.sha256(octets).digest()


def test_text_cannot_wander_between_fields() -> None:
    moved = RECORD._replace(actor="operator:root@cl", peer="i")
    assert digest_of(ZERO, moved) != digest_of(ZERO, RECORD)
    assert digest_of(bytes(31) + b"x", RECORD) != digest_of(ZERO, RECORD)


@pytest.mark.parametrize("name", ["password", "secret", "token", "verifier", "key", "code", "seed"])
def test_a_secret_is_refused_and_that_it_was_set_is_said(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        as_text({name: "correct horse"})
    assert as_text({name: True}) == f'{{"{name}":true}}'


def test_fields_become_one_line_of_ascii() -> None:
    assert as_text(None) == ""
    assert as_text({"b": "ü\0\n", "a": [1, None]}) == '{"a":[1,null],"b":"\\u00fc\\u0000\\n"}'


def test_what_is_very_long_leaves_its_digest() -> None:
    long = {"members": ["ann@a.example"] * 5_000}
    assert len(as_text(long)) < 200
    assert as_text(long) != as_text({"members": ["ben@a.example"] * 5_000})
