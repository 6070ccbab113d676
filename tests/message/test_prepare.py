"""All that is asked of a message later, and the messages that brought other parsers down."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.message.bombs import BOMBS
from tests.message.samples import NESTED, growth

from pymailcore.message import facts, structure
from pymailcore.message.limits import MAX_REFERENCES
from pymailcore.message.prepare import prepare
from pymailcore.message.split import join
from pymailcore.message.wire import body_forms


def test_a_message_is_prepared_in_full() -> None:
    octets = NESTED.replace(b"one\r\n", b"one " * 300 + b"\r\n").replace(
        b"Subject: outer\r\n",
        b"Subject: Re: [x] outer\r\nMessage-ID: <3@x>\r\nIn-Reply-To: <2@x>\r\nReferences: <1@x> <2@x>\r\n"
        b"Date: Wed, 1 Jan 2020 00:00:00 +0000\r\n",
    )
    prepared = prepare(octets)
    root = structure.unpack(prepared.parts)
    assert prepared.size_octets == len(octets)
    assert prepared.octets is octets
    assert len(prepared.leaves) == 1
    assert prepared.leaves[0].octets == (b"one " * 300)
    assert not prepared.leaves[0].decoded
    assert join(prepared.recipe, prepared.skeleton, [leaf.octets for leaf in prepared.leaves]) == octets
    assert (prepared.body, prepared.bodystructure) == body_forms(root)
    assert prepared.envelope.startswith(b'("Wed, 1 Jan 2020 00:00:00 +0000" "Re: [x] outer" ')
    assert prepared.message_ids == ("3@x",)
    assert prepared.references == ("1@x", "2@x")
    assert prepared.base_subject == "outer"
    assert prepared.sent_ms == 1_577_836_800_000
    assert prepared.has_attachment
    unpacked = facts.unpack(prepared.facts)
    assert unpacked.preview.startswith("one one")
    assert unpacked.has_attachment


def test_an_empty_message_is_prepared_too() -> None:
    prepared = prepare(b"")
    assert prepared.message_ids == prepared.references == ()
    assert (prepared.base_subject, prepared.sent_ms, prepared.has_attachment) == ("", None, False)


@pytest.mark.parametrize("count", [MAX_REFERENCES - 1, MAX_REFERENCES, MAX_REFERENCES + 1])
def test_of_many_references_the_newest_count(count: int) -> None:
    """RFC 5322 section 3.6.4."""
    ids = "".join(f" <{number}@x>\r\n" for number in range(count))
    references = prepare(f"References:{ids}\r\n".encode()).references
    assert len(references) == min(count, MAX_REFERENCES)
    assert references[-1] == f"{count - 1}@x"
    with_reply = prepare(f"References:{ids}In-Reply-To: <r@x>\r\n\r\n".encode()).references
    assert len(with_reply) == min(count + 1, MAX_REFERENCES)
    assert with_reply[-1] == "r@x"


FRAGMENTS = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: message/rfc822\r\n",
        b"Content-Transfer-Encoding: base64\r\n", b"From: (a <b@c>, \"d\" e:;\r\n",
        b"Subject: =?utf-16?q?=D8=00?=\r\n", b"Date: 99 Jan\r\n", b"Content-Disposition: inline; x*0*=\r\n",
        b"References: <a@b> <<c>\r\n", b"\r\n", b"\n",
        b"--b\r\n", b"\r\n--b--", b"\xff\xfe", b"\0", b"Content-Type: text/html; charset=utf-7\r\n",
        b"<p>", b"AAAA" * 300,
    ]
)  # fmt: skip


@given(st.binary(max_size=300) | st.lists(FRAGMENTS, max_size=25).map(b"".join))
def test_no_octets_make_it_raise_or_change(octets: bytes) -> None:
    prepared = prepare(octets)
    assert join(prepared.recipe, prepared.skeleton, [leaf.octets for leaf in prepared.leaves]) == octets
    assert (prepared.envelope + prepared.body + prepared.bodystructure).isascii()
    structure.unpack(prepared.parts)
    facts.unpack(prepared.facts)
    prepared.base_subject.encode()


@pytest.mark.slow
@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.__name__)
def test_bombs_take_linear_time(bomb: Callable[[int], bytes]) -> None:
    def run(octets: object) -> object:
        assert isinstance(octets, bytes)
        return prepare(octets)

    assert growth(bomb, run, 50_000) <= 1.2


@pytest.mark.slow
@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.__name__)
def test_bombs_come_back_octet_for_octet(bomb: Callable[[int], bytes]) -> None:
    octets = bomb(200_000)
    prepared = prepare(octets)
    assert join(prepared.recipe, prepared.skeleton, [leaf.octets for leaf in prepared.leaves]) == octets
