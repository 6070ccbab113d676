import pytest

from pymailcore.message.prepare import prepare
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
    assert SearchedMessage(OCTETS, prepare(OCTETS).parts).matches(node) is found


def test_a_node_without_text_is_a_fault_of_our_own() -> None:
    with pytest.raises(TypeError):
        SearchedMessage(OCTETS, prepare(OCTETS).parts).matches(q.HasAttachment())
