"""Which addresses are the public network's. Pure.

Beside what IANA registers as special (RFC 6890, in `ipaddress`): groups, sites, and IPv6 addresses behind which a translator or a tunnel reaches an IPv4
address that is none.
"""

from __future__ import annotations

import ipaddress
from typing import Final

# Prefixes that carry an IPv4 address, and by how many bits it stands from the end: NAT64 (RFC 6052), 6to4 (RFC 3056), "IPv4-compatible" (RFC 4291).
_CARRIERS: Final = tuple((ipaddress.IPv6Network(prefix), shift) for prefix, shift in (("64:ff9b::/96", 0), ("2002::/16", 80), ("::/96", 0)))
_TRANSLATED_LOCALLY: Final = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215: what is in it, only the network itself knows


def is_public(text: str) -> bool:
    """Raises ValueError for what is no address."""
    address = ipaddress.ip_address(text)
    if not address.is_global or address.is_multicast:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return True
    if address.is_site_local or address in _TRANSLATED_LOCALLY:
        return False
    carried = (int(address) >> shift & 0xFFFFFFFF for prefix, shift in _CARRIERS if address in prefix)
    return all(is_public(str(ipaddress.IPv4Address(one))) for one in carried)
