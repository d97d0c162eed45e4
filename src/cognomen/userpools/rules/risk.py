"""How risky is a sign-in? Points for what is unlike the user's earlier sign-ins; their sum is the level. Pure: what is known in, level and reasons out.

| What | Points |
|---|---|
| an address never seen | 1 |
| in a place never seen: a city or country, or where nobody knows those, a network (/16 of IPv4, /48 of IPv6) | 1 more |
| within ten minutes of a sign-in from elsewhere | 2 more |
| a device never seen | 2 |
| five wrong passwords shortly before; ten | 1; 3 |
| a device or address whose earlier sign-in was called invalid | 5 |

1 or 2 points are Low, 3 or 4 Medium, 5 and more High. A user's first sign-in is no risk by being new.
"""

from __future__ import annotations

from typing import Final

import msgspec

_SOON: Final = 600.0
_MOST: Final = 32  # of each kind, the newest kept
LEVELS: Final = ((5, "High"), (3, "Medium"), (1, "Low"))

NEW_ADDRESS, NEW_PLACE, NEW_DEVICE = "new address", "new place", "new device"
VELOCITY, FAILURES, DISTRUSTED = "two places within minutes", "wrong passwords before", "called invalid before"


class Seen(msgspec.Struct, frozen=True):
    """Where a request comes from. `device` is a digest; each is empty where it is not known. The rest is only shown."""

    address: str = ""
    place: str = ""
    device: str = ""
    device_name: str = ""
    timezone: str = ""
    city: str = ""
    country: str = ""


class Profile(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a user's completed sign-ins, newest last. `distrusted` are devices and addresses that feedback called invalid."""

    devices: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    distrusted: tuple[str, ...] = ()
    last_place: str = ""
    last_at: float = 0.0

    @property
    def is_new(self) -> bool:
        return not (self.devices or self.addresses or self.places or self.last_at)


class Assessment(msgspec.Struct, frozen=True):
    """`level` is Low, Medium or High, None for no risk."""

    level: str | None
    reasons: tuple[str, ...] = ()


def assess(profile: Profile, seen: Seen, *, failures: int, now: float) -> Assessment:
    """`failures` are the wrong passwords just before."""
    found = _by_newness(profile, seen, now) if not profile.is_new else []
    if failures >= 5:
        found.append((FAILURES, 3 if failures >= 10 else 1))
    if {seen.device, seen.address} & set(profile.distrusted) - {""}:
        found.append((DISTRUSTED, 5))
    points = sum(each for _, each in found)
    level = next((level for least, level in LEVELS if points >= least), None)
    return Assessment(level, tuple(reason for reason, _ in found))


def _by_newness(profile: Profile, seen: Seen, now: float) -> list[tuple[str, int]]:
    """What is not known counts as never seen: to say nothing of oneself must not be the way around."""
    found = []
    if seen.address not in profile.addresses or not seen.address:
        found.append((NEW_ADDRESS, 1))
        if seen.place not in profile.places or not seen.place:
            found.append((NEW_PLACE, 1))
            if profile.last_place != seen.place and now - profile.last_at < _SOON:
                found.append((VELOCITY, 2))
    # Who never had a device (a server that signs its users in) is not asked for one, but who had one is.
    if (seen.device or profile.devices) and seen.device not in profile.devices:
        found.append((NEW_DEVICE, 2))
    return found


def after_pass(profile: Profile, seen: Seen, now: float) -> Profile:
    """After a sign-in that ended with tokens: what it came from is known."""
    known = _trusting(profile, seen)
    return msgspec.structs.replace(known, last_place=seen.place or profile.last_place, last_at=now)


def after_feedback(profile: Profile, seen: Seen, *, valid: bool) -> Profile:
    """After feedback on a sign-in: valid makes what it came from known, invalid makes it a risk wherever it comes up again."""
    if valid:
        wrongly = {seen.device, seen.address}
        known = _trusting(profile, seen)
        return msgspec.structs.replace(known, distrusted=tuple(each for each in profile.distrusted if each not in wrongly))
    return msgspec.structs.replace(
        profile,
        devices=_without(profile.devices, seen.device),
        addresses=_without(profile.addresses, seen.address),
        distrusted=_with(_with(profile.distrusted, seen.device), seen.address),
        # The user has a history all the same: the next sign-in is not their first.
        last_at=profile.last_at or 1.0,
    )


def _trusting(profile: Profile, seen: Seen) -> Profile:
    return msgspec.structs.replace(
        profile,
        devices=_with(profile.devices, seen.device),
        addresses=_with(profile.addresses, seen.address),
        places=_with(profile.places, seen.place),
    )


def _with(known: tuple[str, ...], value: str) -> tuple[str, ...]:
    if not value:
        return known
    return (*_without(known, value), value)[-_MOST:]


def _without(known: tuple[str, ...], value: str) -> tuple[str, ...]:
    return tuple(each for each in known if each != value)
