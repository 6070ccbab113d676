import pytest

from pymailcore.message.parse import parse
from pymailcore.store import query as q
from pymailcore.store.texts import SearchedMessage

OCTETS = (
    b"From: Ada <ada@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nX-Kind: One Two\r\n"
    b"\r\nHello World\r\n"
)


@pytest.mark.parametrize(
    ("node", "found"),
    [
        (q.Contains(q.Field.BODY, "hello w"), True),
        (q.Contains(q.Field.BODY, "ada"), False),
        (q.Contains(q.Field.TEXT, "ADA@"), True),
        (q.Contains(q.Field.TEXT, "grüsse"), True),
        (q.Contains(q.Field.TEXT, "world"), True),
        (q.Contains(q.Field.TEXT, "absent"), False),
        (q.HeaderContains("x-KIND", "two"), True),
        (q.HeaderContains("x-kind", ""), True),
        (q.HeaderContains("x-other", ""), False),
        (q.HeaderContains("subject", "one"), False),
    ],
)
def test_text_is_compared_without_case(node: q.Filter, found: bool) -> None:
    """RFC 9051 section 6.4.4."""
    assert SearchedMessage(OCTETS, parse(OCTETS).root).matches(node) is found


def test_a_node_without_text_is_a_fault_of_our_own() -> None:
    with pytest.raises(TypeError):
        SearchedMessage(OCTETS, parse(OCTETS).root).matches(q.HasAttachment())


SIGNED = (
    b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=key; h=From:To;\r\n"
    b" bh=aGFzaA==; b=c2ln\r\n bmF0dXJl\r\n"
    b"X-Gm-Message-State: c3RhdGU\r\nX-Empty:\r\nFrom: a@example.org\r\n\r\nx\r\n"
)


@pytest.mark.parametrize(
    ("node", "found"),
    [
        (q.Contains(q.Field.TEXT, "d=example.org; s=key; h=from:to; bh="), True),
        (q.Contains(q.Field.TEXT, "dkim-signature: v=1"), True),
        (q.Contains(q.Field.TEXT, "aGFzaA"), False),
        (q.Contains(q.Field.TEXT, "c2ln"), False),
        (q.Contains(q.Field.TEXT, "bmF0"), False),
        (q.Contains(q.Field.TEXT, "x-gm-message-state:"), True),
        (q.Contains(q.Field.TEXT, "c3RhdGU"), False),
        (q.HeaderContains("DKIM-Signature", "bmF0"), True),
        (q.HeaderContains("X-Gm-Message-State", "c3RhdGU"), True),
        (q.HeaderContains("X-Empty", ""), True),
        (q.Contains(q.Field.TEXT, "x-empty: from: a@"), False),  # no needle is in two fields
    ],
)
def test_text_does_not_see_the_random_numbers_of_signatures(node: q.Filter, found: bool) -> None:
    """RFC 6376 section 3.5: b= and bh=; RFC 9051 section 6.4.4 for HEADER, which sees all."""
    assert SearchedMessage(SIGNED, parse(SIGNED).root).matches(node) is found
