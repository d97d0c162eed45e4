"""Addresses, the networks that stand for places, and lists of ranges. Pure; whatever a client says of itself may be anything."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_LONGEST = 45  # of an address in text


class BadRange(ValueError):
    """Not a range in CIDR notation. The text is the range."""


def address(text: str) -> str:
    """The canonical form of an address, an IPv4 one also where it came in an IPv6 one's clothes; empty for anything else."""
    found = _address(text)
    return "" if found is None else str(found)


def place(text: str) -> str:
    """The network that stands for where an address is: /16 of IPv4, /48 of IPv6. Empty for what is no address.

    It serves where no database of places is: two addresses of one such network are taken for one place, and of two networks for two.
    """
    found = _address(text)
    if found is None:
        return ""
    return str(ipaddress.ip_network((found, 16 if found.version == 4 else 48), strict=False))


def ranges(texts: Sequence[str]) -> tuple[Network, ...]:
    """Ranges in CIDR notation, with their host bits zero. Raises BadRange."""
    parsed = []
    for text in texts:
        try:
            if "/" not in text or len(text) > _LONGEST + 4 or "%" in text:
                raise ValueError
            found = ipaddress.ip_network(text)
            if "." in text.partition("/")[2]:
                raise ValueError  # a mask written as an address is no CIDR notation
        except ValueError as cause:
            raise BadRange(text) from cause
        parsed.append(found)
    return tuple(parsed)


def within(text: str, texts: Sequence[str]) -> bool:
    """Does the address lie in one of the ranges? They were checked when they were set."""
    if not texts:
        return False
    found = _address(text)
    return found is not None and any(found.version == network.version and found in network for network in _compiled(tuple(texts)))


@lru_cache(maxsize=256)
def _compiled(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return ranges(texts)


def _address(text: str) -> Address | None:
    if not text or len(text) > _LONGEST or "%" in text:
        return None
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found
