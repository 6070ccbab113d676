"""hello: what a name that a peer says tells (RFC 5321 sections 2.3.5, 4.1.3 and 4.1.4)."""

import pytest

from pymailcore.mx import hello
from pymailcore.smtp.settings import HELLO_MARKS

V4, V6 = "192.0.2.1", "2001:db8::1"


@pytest.mark.parametrize(
    ("name", "peer", "mark"),
    [
        ("mail.client.example", V4, ""),
        ("MAIL.Client.Example.", V4, ""),
        ("xn--bcher-kva.example", V4, ""),
        ("a-b.c1.example", V6, ""),
        (f"[{V4}]", V4, ""),
        (f"[IPv6:{V6}]", V6, ""),
        ("[ipv6:2001:DB8:0:0::1]", V6, ""),
        (f"[IPv6:::ffff:{V4}]", V4, ""),
        ("mx.example", V4, hello.OWN_NAME),
        ("MX.example.", V4, hello.OWN_NAME),
        ("localhost", V4, hello.LOCALHOST),
        ("LocalHost.localdomain", V4, hello.LOCALHOST),
        ("a.localhost", V4, hello.LOCALHOST),
        ("[127.0.0.1]", V4, hello.LOCALHOST),
        ("[IPv6:::1]", V6, hello.LOCALHOST),
        (V4, V4, hello.BARE_ADDRESS),
        (V6, V6, hello.BARE_ADDRESS),
        ("[192.0.2.2]", V4, hello.FOREIGN_LITERAL),
        ("[10.0.0.1]", V4, hello.FOREIGN_LITERAL),
        ("[IPv6:2001:db8::2]", V6, hello.FOREIGN_LITERAL),
        ("desktop", V4, hello.SHORT_NAME),
        ("DESKTOP-12AB", V4, hello.SHORT_NAME),
        ("under_score.example", V4, hello.NO_NAME),
        ("-a.example", V4, hello.NO_NAME),
        ("a..example", V4, hello.NO_NAME),
        ("a.123", V4, hello.NO_NAME),
        ("300.1.1.1", V4, hello.NO_NAME),
        ("[192.0.2.1", V4, hello.NO_NAME),
        ("[2001:db8::1]", V6, hello.NO_NAME),
        (f"[IPv6:{V4}]", V4, hello.NO_NAME),
        ("[]", V4, hello.NO_NAME),
        (".".join(["a" * 63] * 4), V4, hello.NO_NAME),
        ("a" * 63 + ".example", V4, ""),
        ("a" * 64 + ".example", V4, hello.NO_NAME),
        ("mx.example", "127.0.0.1", ""),
        ("localhost", "::1", ""),
    ],
)
def test_each_name_has_its_mark(name: str, peer: str, mark: str) -> None:
    assert hello.judge(name, peer, own_name="mx.example") == mark


def test_every_mark_can_be_refused_by_a_setting() -> None:
    marks = {value for name, value in vars(hello).items() if name.isupper() and not name.startswith("_")}
    assert marks == set(HELLO_MARKS)
