import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.extract.limits import MIB, Limits
from pymailcore.extract.readers.gathering import Full, Gathering, LimitReached
from pymailcore.extract.readers.rtf import CODECS, read_rtf


def words(octets: bytes, limits: Limits | None = None) -> str:
    gathering = Gathering(MIB)
    read_rtf(octets, gathering, limits or Limits())
    return gathering.text


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (rb"{\rtf1\ansi one\par two\tab three\line\b four\b0  five}", "one\ntwo\tthree\nfour five"),
        (rb"{\rtf1\ansi a\~b\_c\-d\{\}\\}", "a b-cd{}\\"),
        (b"{\\rtf1 wor\r\nd a\\\nb}", "word a\nb"),
        (rb"{\rtf1\ansi\ansicpg1252 caf\'e9 \emdash  \ldblquote x\rdblquote}", "café — “x”"),
        (rb"{\rtf1\ansicpg866 \'ac}", "м"),
        (rb"{\rtf1\ansicpg9 caf\'e9}", "café"),
        (rb"{\rtf1\ansicpg1251 \'ec\'ee\'f0\'e5}", "море"),
        (
            rb"{\rtf1{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial Cyr;}}\f0 a\f1 \'ec\'ee\f0 \'e6}",
            "aмоæ",
        ),
        (rb"{\rtf1{\fonttbl{\f0\fcharset128 Mincho;}}\f0 \'93\'8c\'8b\'9e}", "東京"),
        (rb"{\rtf1{\fonttbl{\f0\fcharset128 Mincho;}}\f0 \'83A}", "ア"),
        (rb"{\rtf1 a\u230?b}", "aæb"),
        (rb"{\rtf1\uc1 \u26481?\u20140?}", "東京"),
        (rb"{\rtf1\uc1 \u-10179?\u-8704?!}", "😀!"),
        (rb"{\rtf1\uc2 \u230\'81\'82x{\uc0\u248y}\u229zzz}", "æxøyåz"),
        (rb"{\rtf1{\stylesheet{\s0 Normal;}}{\info{\title Plan}{\author Ida}}body}", "PlanIdabody"),
        (rb"{\rtf1{\*\generator Maker;}{\colortbl;\red0;}body}", "body"),
        (rb"{\rtf1{\pict\wmetafile8 0102ff}{\*\unknown gone{\b too}}kept}", "kept"),
        (rb"{\rtf1{\*\shpinst{\sp{\sn a}{\sv b}}{\shptxt boxed}}}", "boxed"),
        (rb'{\rtf1{\field{\*\fldinst HYPERLINK "x"}{\fldrslt link}}}', "link"),
        (b"{\\rtf1 a{\\pict\\bin5 }}}}}}b} out", "ab"),
        (b"{\\rtf1 a{\\pict\\bin-5 x}b}", "ab"),
        (b"{\\rtf1 a{\\pict\\bin4000000000 x}b}", "a"),
        (b"{\\rtf1 open{\\b never closed", "opennever closed"),
        (b"}}}}", ""),
        (b"{\\rtf1 a\\", "a"),
    ],
)  # fmt: skip
def test_words_are_read(octets: bytes, text: str) -> None:
    assert words(octets) == text


@pytest.mark.parametrize(("limit", "whole"), [(4, False), (5, True), (6, True)])
def test_groups_may_lie_so_deep(limit: int, whole: bool) -> None:
    octets = rb"{\rtf1 " + b"{" * 4 + b"deep" + b"}" * 5
    if whole:
        assert words(octets, Limits(rtf_depth=limit)) == "deep"
    else:
        with pytest.raises(LimitReached, match="rtf_depth"):
            words(octets, Limits(rtf_depth=limit))


def test_every_codec_that_is_loaded_before_confinement_is_there() -> None:
    """One that is not loaded by then cannot be loaded later."""
    assert [name for name in CODECS if not "x".encode(name)] == []


@given(st.lists(st.sampled_from([
    b"{", b"}", b"\\", b"\\par", b"\\u", b"\\u-1", b"\\u55357", b"\\uc9", b"\\'", b"\\'83", b"\\*", b"\\bin3",
    b"\\fonttbl", b"\\f1", b"\\fcharset128", b"\\ansicpg932", b"\\ansicpg65001", b"\\ansicpg7", b" ", b"A",
    b"\xe6", b"\\pict", b"\r\n",
]), max_size=40))  # fmt: skip
def test_any_order_of_tokens_is_read(tokens: list[bytes]) -> None:
    gathering = Gathering(100)
    with contextlib.suppress(Full):
        read_rtf(b"".join(tokens), gathering, Limits())
    gathering.text.encode("utf-8")
