"""spf: how much one message can make us ask (RFC 7208 sections 4.6.4 and 11.1; D1), whatever records say."""

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.spf_zone import PEER, PEER6, evaluate, sending

from pymailcore.mailauth.questions import Answer, Question
from pymailcore.mailauth.spf import MAX_QUESTIONS, Sending, check_host

OK = {"ok.example": ["A 198.51.100.1", "MX 10 ok.example", "TXT v=spf1 ?all"]}


def at(terms: str, zone: dict[str, list[str]] | None = None) -> tuple[str, list[Question]]:
    asked: list[Question] = []
    verdict = evaluate({"e.example": [f"TXT v=spf1 {terms}"], **OK, **(zone or {})}, None, asked)
    return verdict.result, asked


@pytest.mark.parametrize(
    ("term", "kind"), [("a", "A"), ("mx", "MX"), ("include", "TXT"), ("-include", "TXT")]
)
@pytest.mark.parametrize(("count", "expected"), [(9, "pass"), (10, "pass"), (11, "permerror")])
def test_ten_terms_may_ask(term: str, kind: str, count: int, expected: str) -> None:
    """RFC 7208 section 4.6.4; the eleventh asks nothing, and what asks nothing does not count."""
    result, asked = at(f"{term}:ok.example " * count + "ip4:198.51.100.0/24 ip6:::/0 all")
    assert result == expected
    assert len([one for one in asked[1:] if one.kind == kind]) == min(count, 10)


def test_redirect_is_one_of_the_ten() -> None:
    assert at("a:ok.example " * 9 + "redirect=ok.example")[0] == "neutral"
    assert at("a:ok.example " * 10 + "redirect=ok.example")[0] == "permerror"


def test_terms_of_included_records_count_together() -> None:
    zone = {"more.example": ["TXT v=spf1" + " a:ok.example" * 5]}
    assert (
        at("include:more.example a:ok.example a:ok.example a:ok.example a:ok.example -all", zone)[0] == "fail"
    )
    assert at("include:more.example include:more.example -all", zone)[0] == "permerror"


@pytest.mark.parametrize(
    ("kind", "void"), [("a", "gone.example"), ("exists", "empty.example"), ("mx", "empty.example")]
)
@pytest.mark.parametrize(("count", "expected"), [(1, "fail"), (2, "fail"), (3, "permerror")])
def test_two_answers_may_be_empty(kind: str, void: str, count: int, expected: str) -> None:
    """RFC 7208 section 4.6.4, whether the name is there or not, also where no term follows."""
    zone = {"empty.example": ["TXT hello"]}
    assert at(f"{kind}:{void} " * count + "-all", zone)[0] == expected
    if expected == "permerror":
        assert at(f"{kind}:{void} " * count, zone)[0] == expected


def test_a_peer_without_a_name_is_an_empty_answer() -> None:
    """One for all ptr terms, since it is asked once; trouble in the DNS is none."""
    void = "a:gone.example exists:gone.example -all"
    assert at(f"ptr:here.example {void}")[0] == "permerror"
    assert at("ptr:here.example ptr:there.example a:gone.example -all")[0] == "fail"
    assert at(f"ptr:here.example {void}", {"1.2.0.192.in-addr.arpa": ["PTR fails"]})[0] == "fail"


def test_hosts_of_an_exchange_that_have_no_such_address_do_not_count_as_empty() -> None:
    """Three exchanges with IPv6 only are no fault of the domain."""
    zone = {
        "m.example": ["MX 1 x.example", "MX 2 y.example", "MX 3 z.example"],
        **{f"{name}.example": ["AAAA 2001:db8::1"] for name in "xyz"},
    }
    assert at("mx:m.example -all", zone)[0] == "fail"


@pytest.mark.parametrize(("count", "expected"), [(9, "pass"), (10, "pass"), (11, "permerror")])
def test_ten_exchanges(count: int, expected: str) -> None:
    zone = {"m.example": [f"MX {number} h{number:02}.example" for number in range(count)]}
    zone |= {f"h{number:02}.example": ["A 198.51.100.1"] for number in range(count)}
    zone[f"h{count - 1:02}.example"] = [f"A {PEER}"]
    assert at("mx:m.example -all", zone)[0] == expected


@pytest.mark.parametrize(("count", "expected"), [(9, "pass"), (10, "pass"), (11, "fail")])
def test_ten_names_of_a_peer(count: int, expected: str) -> None:
    """RFC 7208 section 4.6.4: the rest is as if it was not there; and they are asked for once."""
    zone = {"1.2.0.192.in-addr.arpa": [f"PTR h{number}.here.example" for number in range(count)]}
    zone |= {f"h{number}.here.example": ["A 198.51.100.1"] for number in range(count)}
    zone[f"h{count - 1}.here.example"] = [f"A {PEER}"]
    result, asked = at("ptr:other.example ptr:here.example -all", zone)
    assert result == expected
    assert len(asked) == 2 + min(count, 10)


def test_thirty_questions_in_all() -> None:
    """Stricter than the standard, by which this may ask 111."""
    zone = {"m.example": [f"MX 1 h{number}.example" for number in range(7)]}
    zone |= {f"h{number}.example": ["A 198.51.100.1"] for number in range(7)}
    result, asked = at("mx:m.example " * 3 + "mx:ok.example mx:ok.example -all", zone)
    assert (result, len(asked)) == ("fail", 1 + 3 * 8 + 4)
    result, asked = at("mx:m.example " * 4 + "-all", zone)
    assert (result, len(asked)) == ("permerror", MAX_QUESTIONS)


def test_an_explanation_beyond_the_limit_is_none() -> None:
    zone = {"1.2.0.192.in-addr.arpa": [f"PTR h{number}.here.example" for number in range(10)]}
    zone |= {f"h{number}.here.example": ["A 198.51.100.1"] for number in range(10)}
    zone |= {
        "m.example": [f"MX 1 h{number}.here.example" for number in range(8)],
        "why.example": ["TXT %{p}"],
    }
    result, asked = at("mx:m.example mx:m.example -all exp=why.example", zone)
    assert (result, len(asked)) == ("fail", MAX_QUESTIONS)


TERMS = st.one_of(
    st.sampled_from(
        [
            "a",
            "mx",
            "ptr",
            "-all",
            "~all",
            "a:b.example",
            "mx:b.example/24//64",
            "ptr:example",
            "include:b.example",
            "include:%{d2}",
            "?include:a.example",
            "exists:%{ir}.%{v}.%{l-}.%{p}.%{h}.a.example",
            "exists:%{S}.a.example",
            "redirect=b.example",
            "redirect=%{h}",
            "exp=%{p}.example",
            "ip4:192.0.2.0/24",
            "ip6:2001:db8::/32",
        ]
    ),
    st.text(st.sampled_from("amxptrlincude:=/%{}.0149-+ \x00\xff"), max_size=12),
)
RECORDS = st.lists(TERMS, max_size=14).map(lambda terms: " ".join(["v=spf1", *terms]).encode("latin-1"))
NAMES = st.sampled_from(
    ["a.example", "b.example", "c.a.example", "", "a\\032b.example", "x" * 64 + ".e", "h"]
)
ADDRESSES = st.sampled_from([PEER, "198.51.100.1", PEER6, "2001:db8:1::1"])


@st.composite
def answers(draw: st.DrawFn, kind: str) -> Answer:
    if draw(st.integers(0, 9)) == 0:
        return Answer(failed=True, exists=draw(st.booleans()))
    if kind == "TXT":
        texts = draw(st.lists(st.one_of(RECORDS, st.binary(max_size=20)), min_size=0, max_size=2))
        return Answer(texts=tuple(texts))
    if kind in ("MX", "PTR"):
        return Answer(hosts=tuple(draw(st.lists(NAMES, max_size=12))))
    version = 4 if kind == "A" else 6
    found = draw(st.lists(ADDRESSES, max_size=3))
    return Answer(hosts=tuple(one for one in found if ipaddress.ip_address(one).version == version))


SENDINGS = st.builds(
    sending,
    st.sampled_from([None, "ann@a.example", "a.b-c+d@b.example", "än n@a.example", "@@a.example"]),
    st.sampled_from([PEER, PEER6, "::ffff:192.0.2.1", "fe80::1%eth0"]),
    st.text(max_size=20),
)


@settings(max_examples=100, deadline=None)
@given(st.data(), SENDINGS)
def test_no_answer_of_the_dns_does_harm(data: st.DataObject, who: Sending) -> None:
    """D1: it is decided after thirty questions at most, each a name that can be asked for."""
    decide(data, who)


@pytest.mark.long
@pytest.mark.timeout(600)
@settings(max_examples=5_000, deadline=None)
@given(st.data(), SENDINGS)
def test_no_answer_of_the_dns_does_harm_often(data: st.DataObject, who: Sending) -> None:
    """The same many times."""
    decide(data, who)


def decide(data: st.DataObject, who: Sending) -> None:
    """Answer at random until it is decided."""
    asked: list[Question] = []
    asking = check_host(who)
    try:
        question = next(asking)
        while True:
            asked.append(question)
            question = asking.send(data.draw(answers(question.kind)))
    except StopIteration as said:
        verdict = said.value
    assert len(asked) <= MAX_QUESTIONS
    assert all(0 < len(one.name) <= 253 and one.name.isascii() for one in asked)
    for text in (verdict.mechanism, verdict.problem, verdict.explanation):
        assert text.isascii()
        assert text.isprintable()
