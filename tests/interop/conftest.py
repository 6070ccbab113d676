"""Servers that the interoperation tests share."""

from collections.abc import Iterator

import pytest
from tests.support.family import Family, free_port

# Further listeners: for a transfer agent of ours, and what stands behind a balancer and a filter of ours.
_OWN = """
[[listener]]
protocol = "{protocol}"
bind = "127.0.0.1:{port}"
tls = "none"
trusted_networks = ["127.0.0.1/32"]
{more}
"""
_KINDS = {"lmtp": ("lmtp", ""), "proxied": ("smtp", "proxy = true"), "filtered": ("smtp", "xclient = true")}


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Family]:
    """A family of two front workers and one back worker, with the accounts anna and ben."""
    ports = {name: free_port() for name in _KINDS}
    extra = "".join(
        _OWN.format(protocol=protocol, port=ports[name], more=more)
        for name, (protocol, more) in _KINDS.items()
    )
    with Family(tmp_path_factory.mktemp("family"), extra=extra) as running:
        running.ports |= ports
        yield running
