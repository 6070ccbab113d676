import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.message.facts import Facts, unpack
from pymailcore.message.limits import MAX_REFERENCES
from pymailcore.message.prepare import prepare
from pymailcore.message.threading_values import (
    EMPTY,
    FIXED_OCTETS,
    Threading,
    hash_id,
    pack_threading,
    unpack_threading,
)

NOTHING: Facts = unpack(prepare(b"\r\n").facts)


def facts(**changes: object) -> Facts:
    return msgspec.structs.replace(NOTHING, **changes)


def read(*values: bytes) -> Threading:
    return unpack_threading(
        b"".join(value[:FIXED_OCTETS] for value in values), b"".join(value[FIXED_OCTETS:] for value in values)
    )


def test_values_of_messages_come_back() -> None:
    one = facts(
        message_id=["a@x"], references=["b@x", "c@x"], in_reply_to=["d@x"], sent_at="1970-01-01T00:00:02Z"
    )
    two = facts(in_reply_to=["d@x", "e@x"], sent_at="1969-12-31T23:59:59Z")
    values = read(
        pack_threading(one, "S", is_reply=False),
        pack_threading(NOTHING, "", is_reply=False),
        pack_threading(two, "S", is_reply=True),
        EMPTY,
    )
    assert values.dates == [2000, 0, -1000, 0]
    assert values.undated == [1, 3]
    assert values.ids == [hash_id("a@x"), 0, 0, 0]
    # RFC 5256 section 3: References, or else the first of In-Reply-To
    assert values.references == [hash_id("b@x"), hash_id("c@x"), hash_id("d@x")]
    assert values.ends == [2, 2, 3, 3]
    assert values.subjects[0] == values.subjects[2] != 0
    assert values.subjects[1] == values.subjects[3] == 0
    assert values.replies == [0, 0, 1, 0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('"01KF8JCEOCBS0045PS"@xxx.yyy.com', "01KF8JCEOCBS0045PS@xxx.yyy.com"),
        ('"a\\"b"@x', '"a\\"b"@x'),
        ('"a\\b"@x', "ab@x"),
    ],
)
def test_quotes_make_no_other_id(one: str, other: str) -> None:
    """RFC 5256 section 3, REFERENCES: its example of normalisation."""
    assert hash_id(one) == hash_id(other)


def test_ids_have_case() -> None:
    """RFC 5256 section 3, step 1.A: comparisons are case-sensitive."""
    assert hash_id("A@x") != hash_id("a@x")


def test_the_newest_references_count() -> None:
    """P12: at most 100."""
    ids = [f"{n}@x" for n in range(MAX_REFERENCES + 5)]
    values = read(pack_threading(facts(references=ids), "", is_reply=False))
    assert values.references == [hash_id(one) for one in ids[5:]]


@given(
    st.lists(
        st.tuples(st.text(max_size=3), st.booleans(), st.lists(st.text(max_size=3), max_size=3)), max_size=6
    )
)
def test_columns_agree(messages: list[tuple[str, bool, list[str]]]) -> None:
    values = read(
        *(
            pack_threading(facts(message_id=[subject], references=refs), subject, is_reply=reply)
            for subject, reply, refs in messages
        )
    )
    assert values.ends == [sum(len(refs) for *_, refs in messages[: n + 1]) for n in range(len(messages))]
    assert values.replies == [int(reply) for _, reply, _ in messages]
    for one, first in zip(messages, values.subjects, strict=True):
        for other, second in zip(messages, values.subjects, strict=True):
            assert (one[0] == other[0]) == (first == second)
