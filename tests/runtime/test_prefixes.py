"""prefixes: the networks that an address counts for."""

import pytest

from pymailcore.runtime.prefixes import prefixes


@pytest.mark.parametrize(
    ("peer", "nets"),
    [
        ("192.0.2.77", ("192.0.2.77/32", "192.0.2.64/26", "192.0.0.0/21")),
        ("::ffff:192.0.2.77", ("192.0.2.77/32", "192.0.2.64/26", "192.0.0.0/21")),
        ("2001:db8:1:2:3::4", ("2001:db8:1:2::/64", "2001:db8:1::/56", "2001:db8:1::/48")),
        ("fe80::1%eth0", ("fe80::/64", "fe80::/56", "fe80::/48")),
        ("local", ("local",)),
    ],
)
def test_nets_around_an_address(peer: str, nets: tuple[str, ...]) -> None:
    assert prefixes(peer) == nets
