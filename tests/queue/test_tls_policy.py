"""tls_policy: what is known of hosts without DNSSEC and MTA-STS."""

import pytest

from pymailcore.queue.tls_policy import OwnNames, TlsPolicy


@pytest.mark.parametrize(
    ("host", "certain"), [("b.example", True), ("mx.b.example", False), ("example", False)]
)
async def test_only_a_domain_that_is_its_own_host_is_certain(host: str, certain: bool) -> None:
    """RFC 8689 section 4.2.1 (2) and (4)."""
    assert await OwnNames().find("b.example", host) == TlsPolicy(certain=certain, required=False)
