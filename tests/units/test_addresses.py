"""Addresses that a server in production may be sent to, and those that lead into its own network."""

from __future__ import annotations

import pytest

from cognomen.kernel import outbound
from cognomen.kernel.addresses import is_public

PUBLIC = ["8.8.8.8", "2001:4860:4860::8888", "64:ff9b::808:808", "2002:808:808::1", "::ffff:8.8.8.8"]
PRIVATE = [
    "10.0.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "239.1.1.1",
    "0.0.0.0",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::10.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::7f00:1",
    "64:ff9b::e000:1",
    "64:ff9b:1::808:808",
    "2002:a00:1::1",
    "2002:a9fe:a9fe::1",
    "2001:0:a00:1::1",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "fc00::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_network(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_networks_by_whatever_form(address: str) -> None:
    """Groups, sites, and private IPv4 addresses behind NAT64, 6to4 and mappings; nobody connects to one that only the public may be asked at."""
    assert not is_public(address)
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(outbound.Unreachable, match="leads into a private network"):
        outbound.send("GET", f"http://{host}/", timeout=1, public_only=True)


@pytest.mark.parametrize("url", ["http://a b/", "http://a\x7fb/", "http://[::1/", "http://a:99999/", "http://a:x/", "ftp://a/", "http:///"])
def test_what_is_no_address_is_asked_nothing(url: str) -> None:
    """Addresses come from others too: an error that says so, and no other."""
    with pytest.raises(outbound.Unreachable):
        outbound.send("GET", url, timeout=1, public_only=True)
