"""received_spf: what SPF has found, in a header field (RFC 7208 section 9.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.spf_zone import PEER6, sending

from pymailcore.mailauth.received_spf import received_spf_field
from pymailcore.mailauth.spf import Result, Verdict
from pymailcore.message.fields import unfolded
from pymailcore.message.headers import split_fields

RESULTS: list[Result] = ["none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"]


def test_the_field_of_a_pass() -> None:
    verdict = Verdict("pass", "mailfrom", "e.example", "ip4:192.0.2.0/24")
    assert received_spf_field(verdict, sending()) == (
        b"Received-SPF: pass (mx.host.example: e.example designates 192.0.2.1 as permitted sender)\r\n"
        b"\treceiver=mx.host.example;\r\n"
        b"\tclient-ip=192.0.2.1;\r\n"
        b'\tenvelope-from="ann@e.example";\r\n'
        b"\thelo=mail.e.example;\r\n"
        b"\tidentity=mailfrom;\r\n"
        b'\tmechanism="ip4:192.0.2.0/24"\r\n'
    )


def test_the_field_of_a_report_with_a_fault() -> None:
    """The null reverse-path is not named; an IPv6 address and words stand in quotes."""
    verdict = Verdict("permerror", "helo", "mail.e.example", problem='not well formed: "a:\\"')
    assert received_spf_field(verdict, sending(None, PEER6)) == (
        b"Received-SPF: permerror (mx.host.example: the record of mail.e.example has a fault)\r\n"
        b"\treceiver=mx.host.example;\r\n"
        b'\tclient-ip="2001:db8::cb01";\r\n'
        b"\thelo=mail.e.example;\r\n"
        b"\tidentity=helo;\r\n"
        b'\tproblem="not well formed: \\"a:\\\\\\""\r\n'
    )


@pytest.mark.parametrize("result", RESULTS)
def test_each_result_has_its_words(result: Result) -> None:
    """The comment is one, and the result stands before it."""
    raw = received_spf_field(Verdict(result, "helo", ""), sending(None, hello=""))
    assert raw.startswith(f"Received-SPF: {result} (mx.host.example: ".encode())
    assert raw.count(b"(") == raw.count(b")") == 1


def test_an_address_that_is_not_ascii_stands_as_it_is() -> None:
    """RFC 6532 section 3.2."""
    field = received_spf_field(Verdict("pass", "mailfrom", "e.example"), sending("änn@e.example"))
    assert '"änn@e.example"'.encode() in field


@given(
    st.sampled_from(RESULTS), st.text(min_size=1, max_size=64), st.text(max_size=600), st.text(max_size=9_000)
)
def test_nothing_that_a_peer_says_makes_another_field(
    result: Result, local: str, hello: str, mechanism: str
) -> None:
    """S17: one field, of lines that are not too long."""
    verdict = Verdict(result, "mailfrom", "e.example", mechanism, mechanism)
    raw = received_spf_field(verdict, sending(f"{local}@e.example", hello=hello))
    ((name, value),) = split_fields(raw)
    assert name == "Received-SPF"
    assert unfolded(value)
    assert raw.endswith(b"\r\n")
    lines = raw[:-2].split(b"\r\n")
    assert all(line.startswith(b"\t") for line in lines[1:])
    assert all(
        len(line) <= 998 and b"\r" not in line and b"\n" not in line and b"\0" not in line for line in lines
    )
