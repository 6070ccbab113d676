"""RFC 8689 section 3: the TLS-Required field."""

import pytest

from pymailcore.message.tls_required import tls_optional


@pytest.mark.parametrize(
    ("header", "optional"),
    [
        (b"TLS-Required: No\r\n", True),
        (b"tls-required:no\r\n", True),
        (b"TLS-Required:\r\n No\r\n", True),
        (b"A: b\r\nTLS-Required: NO \r\nC: d\r\n", True),
        (b"", False),
        (b"TLS-Required: Yes\r\n", False),
        (b"TLS-Required: No way\r\n", False),
        (b"TLS-Required: No\r\nTLS-Required: No\r\n", False),
        (b"X-TLS-Required: No\r\n", False),
    ],
)
def test_what_says_that_tls_is_not_needed(header: bytes, optional: bool) -> None:
    assert tls_optional(header + b"\r\nTLS-Required: No\r\n") is optional
