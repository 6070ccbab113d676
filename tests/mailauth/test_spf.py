"""spf: what SPF says, by tables of records and zones (RFC 7208 sections 4 to 7; RFC 8616 section 4)."""

import pytest
from tests.support.spf_zone import PEER, PEER6, evaluate, result_of, sending

from pymailcore.mailauth.questions import Question

HOSTS = {
    "here.example": [f"A {PEER}", f"AAAA {PEER6}"],
    "near.example": ["A 192.0.2.129", "AAAA 2001:db8::1"],
    "away.example": ["A 198.51.100.1", "AAAA 2001:db8:1::1"],
    "four.example": ["A 198.51.100.1"],
    "nothing.example": ["TXT hello"],
    "ill.example": ["A fails", "AAAA fails", "MX fails", "TXT fails"],
    "mail.example": ["MX 10 away.example", "MX 20 here.example"],
    "far.example": ["MX 10 away.example"],
    "illmail.example": ["MX 10 ill.example"],
    "nullmail.example": ["MX 0 "],
    "1.2.0.192.in-addr.arpa": ["PTR host.here.example", "PTR mail.e.example"],
    "host.here.example": [f"A {PEER}"],
    "mail.e.example": [f"A {PEER}"],
    "pass.example": ["TXT v=spf1 +all"],
    "fail.example": ["TXT v=spf1 -all"],
    "soft.example": ["TXT v=spf1 ~all"],
    "neutral.example": ["TXT v=spf1 ?all"],
    "faulty.example": ["TXT v=spf1 al"],
    "double.example": ["TXT v=spf1 -all", "TXT v=spf1 +all"],
    "loop.example": ["TXT v=spf1 include:loop.example -all"],
    "round.example": ["TXT v=spf1 redirect=round.example"],
    "deep.example": ["TXT v=spf1 include:pass.example -all"],
    "by.ann.here.example": ["A 127.0.0.2"],
    "1.2.0.192.in-addr.list.example": ["A 127.0.0.2"],
    "ann@e.example.list.example": ["A 127.0.0.2"],
    "six.list.example": ["AAAA 2001:db8::1"],
    "xn--bcher-kva.example": ["TXT v=spf1 +all"],
}


@pytest.mark.parametrize(
    ("record", "four", "six"),
    [
        ("v=spf1", "neutral", "neutral"),
        ("v=spf1 all", "pass", "pass"),
        ("v=spf1 -all", "fail", "fail"),
        ("v=spf1 ~all", "softfail", "softfail"),
        ("v=spf1 ?all", "neutral", "neutral"),
        ("V=SPF1 -ALL", "fail", "fail"),
        ("v=spf1 -all +all", "fail", "fail"),
        ("v=spf1 a:here.example -all", "pass", "pass"),
        ("v=spf1 -a:here.example all", "fail", "fail"),
        ("v=spf1 a:away.example -all", "fail", "fail"),
        ("v=spf1 a:near.example -all", "fail", "fail"),
        ("v=spf1 a:near.example/24//64 -all", "pass", "pass"),
        ("v=spf1 a:near.example/24 -all", "pass", "fail"),
        ("v=spf1 a:near.example//64 -all", "fail", "pass"),
        ("v=spf1 a:near.example/25//128 -all", "fail", "fail"),
        ("v=spf1 a:away.example/0//0 -all", "pass", "pass"),
        ("v=spf1 a:four.example/0//0 -all", "pass", "fail"),
        ("v=spf1 a:gone.example -all", "fail", "fail"),
        ("v=spf1 a:nothing.example -all", "fail", "fail"),
        ("v=spf1 a:ill.example -all", "temperror", "temperror"),
        ("v=spf1 a -all", "fail", "fail"),
        ("v=spf1 mx:mail.example -all", "pass", "pass"),
        ("v=spf1 mx:far.example -all", "fail", "fail"),
        ("v=spf1 mx:far.example/0//0 -all", "pass", "pass"),
        ("v=spf1 mx:here.example -all", "fail", "fail"),
        ("v=spf1 mx:nullmail.example -all", "fail", "fail"),
        ("v=spf1 mx:gone.example -all", "fail", "fail"),
        ("v=spf1 mx:ill.example -all", "temperror", "temperror"),
        ("v=spf1 mx:illmail.example -all", "temperror", "temperror"),
        ("v=spf1 ip4:192.0.2.1 -all", "pass", "fail"),
        ("v=spf1 ip4:192.0.2.77/24 -all", "pass", "fail"),
        ("v=spf1 ip4:192.0.2.2 -all", "fail", "fail"),
        ("v=spf1 ip6:2001:db8::cb01 -all", "fail", "pass"),
        ("v=spf1 ip6:2001:db8::7/32 -all", "fail", "pass"),
        ("v=spf1 ip6:::/0 -all", "fail", "pass"),
        ("v=spf1 ip6:::ffff:192.0.2.1 -all", "fail", "fail"),
        ("v=spf1 ptr:here.example -all", "pass", "fail"),
        ("v=spf1 ptr:HERE.example -all", "pass", "fail"),
        ("v=spf1 ptr:re.example -all", "fail", "fail"),
        ("v=spf1 ptr -all", "pass", "fail"),
        ("v=spf1 exists:%{ir}.%{v}.list.example -all", "pass", "fail"),
        ("v=spf1 exists:%{s}.list.example -all", "pass", "pass"),
        ("v=spf1 exists:by.%{l}.here.example -all", "pass", "pass"),
        ("v=spf1 exists:six.list.example -all", "fail", "fail"),
        ("v=spf1 exists:ill.example -all", "temperror", "temperror"),
        ("v=spf1 exists:%{l}.%{l}..e -all", "fail", "fail"),
        ("v=spf1 include:pass.example -all", "pass", "pass"),
        ("v=spf1 ~include:pass.example -all", "softfail", "softfail"),
        ("v=spf1 include:fail.example ?all", "neutral", "neutral"),
        ("v=spf1 include:soft.example -all", "fail", "fail"),
        ("v=spf1 include:neutral.example -all", "fail", "fail"),
        ("v=spf1 include:deep.example -all", "pass", "pass"),
        ("v=spf1 include:gone.example -all", "permerror", "permerror"),
        ("v=spf1 include:nothing.example -all", "permerror", "permerror"),
        ("v=spf1 include:faulty.example -all", "permerror", "permerror"),
        ("v=spf1 include:double.example -all", "permerror", "permerror"),
        ("v=spf1 include:ill.example -all", "temperror", "temperror"),
        ("v=spf1 include:%{d}..e -all", "permerror", "permerror"),
        ("v=spf1 all include:gone.example", "pass", "pass"),
        ("v=spf1 redirect=fail.example", "fail", "fail"),
        ("v=spf1 redirect=pass.example", "pass", "pass"),
        ("v=spf1 redirect=soft.example a:away.example", "softfail", "softfail"),
        ("v=spf1 redirect=fail.example a:here.example", "pass", "pass"),
        ("v=spf1 redirect=fail.example ?all", "neutral", "neutral"),
        ("v=spf1 redirect=gone.example", "permerror", "permerror"),
        ("v=spf1 redirect=nothing.example", "permerror", "permerror"),
        ("v=spf1 redirect=faulty.example", "permerror", "permerror"),
        ("v=spf1 redirect=ill.example", "temperror", "temperror"),
        ("v=spf1 redirect=%{l}..e", "permerror", "permerror"),
        ("v=spf1 include:loop.example", "permerror", "permerror"),
        ("v=spf1 redirect=round.example", "permerror", "permerror"),
        ("v=spf1 moo=%{c} -all", "fail", "fail"),
        ("v=spf1 +all al", "permerror", "permerror"),
    ],
)
def test_what_records_say(record: str, four: str, six: str) -> None:
    """For a peer with an IPv4 address, and for one with an IPv6 address that has no name."""
    assert result_of(record, HOSTS) == four
    assert result_of(record, HOSTS, PEER6) == six


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ({}, "none"),
        ({"e.example": []}, "none"),
        ({"e.example": ["A 192.0.2.1"]}, "none"),
        ({"e.example": ["TXT v=spf10 -all", "TXT hello"]}, "none"),
        ({"e.example": ["TXT fails"]}, "temperror"),
        ({"e.example": ["TXT v=spf1 -all", "TXT hello"]}, "fail"),
        ({"e.example": ["TXT v=spf1 -all", "TXT v=spf1 -all"]}, "permerror"),
    ],
)
def test_the_first_question(zone: dict[str, list[str]], expected: str) -> None:
    """RFC 7208 sections 4.3 to 4.5."""
    assert evaluate(zone).result == expected


@pytest.mark.parametrize(
    "domain",
    ["example", "[192.0.2.1]", "a" * 64 + ".example", "a..example", ".".join(["a" * 49] * 6), "ä.example"],
)
def test_a_domain_that_cannot_be_is_not_asked_for(domain: str) -> None:
    """RFC 7208 section 4.3."""
    asked: list[Question] = []
    assert evaluate({domain: ["TXT v=spf1 -all"]}, sending(f"ann@{domain}"), asked).result == "none"
    assert asked == []


@pytest.mark.parametrize(
    ("hello", "expected"),
    [
        ("pass.example", "pass"),
        ("FAIL.example", "fail"),
        ("fail.example.", "fail"),
        ("bücher.example", "pass"),
        ("gone.example", "none"),
        ("desktop", "none"),
        ("[192.0.2.1]", "none"),
        ("not a name", "none"),
        ("", "none"),
        ("a" * 300 + ".example", "none"),
    ],
)
def test_without_a_reverse_path_the_name_in_ehlo_is_looked_at(hello: str, expected: str) -> None:
    """RFC 7208 section 2.4; names that are not ASCII are asked for as A-labels (RFC 8616 section 4)."""
    verdict = evaluate(HOSTS, sending(None, hello=hello))
    assert (verdict.result, verdict.identity) == (expected, "helo")
    assert evaluate(HOSTS, sending("ann@soft.example", hello=hello))[:3] == (
        "softfail",
        "mailfrom",
        "soft.example",
    )


def test_then_the_sender_is_postmaster() -> None:
    """RFC 7208 section 4.3: of macros, too."""
    zone = {
        "mail.e.example": ["TXT v=spf1 exists:%{l}.%{o}.by.example -all"],
        "postmaster.mail.e.example.by.example": ["A 127.0.0.2"],
    }
    assert evaluate(zone, sending(None)).result == "pass"


@pytest.mark.parametrize("peer", ["::ffff:192.0.2.1", "192.0.2.1"])
def test_an_ipv4_address_in_ipv6_is_one(peer: str) -> None:
    """RFC 7208 section 5."""
    assert result_of("v=spf1 ip4:192.0.2.1 -all", peer=peer) == "pass"
    assert result_of("v=spf1 a:here.example -all", HOSTS, peer) == "pass"


def test_what_has_matched_is_said() -> None:
    verdict = evaluate({"e.example": ["TXT v=spf1 ?ip4:192.0.2.0/24 -all"]})
    assert (verdict.mechanism, verdict.problem) == ("?ip4:192.0.2.0/24", "")
    assert evaluate({"e.example": ["TXT v=spf1 a:away.example"], **HOSTS}).mechanism == "default"
    faulty = evaluate({"e.example": ["TXT v=spf1 -al\x01l"]})
    assert faulty.result == "permerror"
    assert faulty.problem.isascii()
    assert faulty.problem.isprintable()


def test_a_local_part_that_is_not_ascii_matches_nothing() -> None:
    """RFC 8616 section 4: neither as it is nor escaped; the other terms count as ever."""
    zone = {
        "e.example": [
            "TXT v=spf1 exists:%{l}.a.example exists:%{S}.a.example include:%{L}.a.example ip4:192.0.2.1 -all"
        ],
        "%c3%a4nn.a.example": ["A 127.0.0.2"],
    }
    asked: list[Question] = []
    assert evaluate(zone, sending("änn@e.example"), asked).mechanism == "ip4:192.0.2.1"
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], "unknown"),
        (["liar.example"], "unknown"),
        (["liar.example", "other.example"], "other.example"),
        (["other.example", "a.e.example"], "a.e.example"),
        (["a.e.example", "other.example", "e.example"], "e.example"),
    ],
)
def test_the_name_that_stands_for_a_peer(names: list[str], expected: str) -> None:
    """RFC 7208 section 7.3: the domain itself, one below it, any other; what does not lead back is none."""
    zone = {
        "1.2.0.192.in-addr.arpa": [f"PTR {name}" for name in names],
        "liar.example": ["A 198.51.100.1"],
        "other.example": [f"A {PEER}"],
        "a.e.example": [f"A {PEER}"],
        "e.example": [f"A {PEER}", "TXT v=spf1 -all exp=why.example"],
        "why.example": ["TXT %{p}"],
    }
    assert evaluate(zone).explanation == expected
    assert evaluate({**zone, "1.2.0.192.in-addr.arpa": ["PTR fails"]}).explanation == "unknown"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["TXT %{i} is not one of %{d}'s, %{s}"], "192.0.2.1 is not one of e.example's, ann@e.example"),
        (["TXT See http://%{d}/why?s=%{S}&i=%{i} (%{r}, %{t})"], None),
        ([], ""),
        (["TXT one", "TXT two"], ""),
        (["TXT fails"], ""),
        (["TXT broken %{"], ""),
        (["TXT \xe4"], ""),
        (["TXT a\r\n250 b"], ""),
        (["TXT " + "%{s}" * 200], ("ann@e.example" * 200)[:400]),
    ],
)
def test_explanations(lines: list[str], expected: str | None) -> None:
    """RFC 7208 section 6.2; whatever is wrong with one, the result stays."""
    zone = {"e.example": ["TXT v=spf1 -all exp=why.%{d}"], "why.e.example": lines}
    verdict = evaluate(zone)
    if expected is None:
        expected = "See http://e.example/why?s=ann%40e.example&i=192.0.2.1 (mx.host.example, 1700000000)"
    assert (verdict.result, verdict.explanation) == ("fail", expected)
    asked: list[Question] = []
    assert evaluate(zone, sending(explain=False), asked).explanation == ""
    assert asked == [("e.example", "TXT")]


def test_whose_explanation_counts() -> None:
    """RFC 7208 section 6.2: that of where it redirects to, never that of what is included."""
    zone = {
        "other.example": ["TXT v=spf1 -all exp=theirs.example"],
        "theirs.example": ["TXT theirs, %{d}"],
        "ours.example": ["TXT ours, %{d}"],
    }
    for record, expected in (
        ("v=spf1 redirect=other.example exp=ours.example", "theirs, other.example"),
        ("v=spf1 include:other.example -all exp=ours.example", "ours, e.example"),
        ("v=spf1 include:other.example ~all exp=ours.example", ""),
        ("v=spf1 include:other.example -all", ""),
        ("v=spf1 -all exp=%{d}..e", ""),
        ("v=spf1 -all exp=gone.example", ""),
    ):
        assert evaluate({"e.example": [f"TXT {record}"], **zone}).explanation == expected
