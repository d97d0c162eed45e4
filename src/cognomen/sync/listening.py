"""An identity's event stream: which datasets changed, for devices that keep a connection open (development, the web).

It is not of AWS's API. Who may subscribe an identity's device to its datasets may listen; a developer may to any.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from cognomen.api import errors
from cognomen.api.structure import Structure
from cognomen.context import Context
from cognomen.delivery.sync.platform import data_of
from cognomen.sync import find

ACTION = ("cognito-sync", "SubscribeToDataset")  # on the identity's ARN
_ID = re.compile(r"[\w-]+:[0-9a-f-]+", re.ASCII)
_LONGEST = 55


class Asked(Structure, kw_only=True):
    """What policies are asked of: the identity, as in AWS's own requests."""

    identity_pool_id: str
    identity_id: str


class Change(msgspec.Struct, frozen=True):
    """`at` in milliseconds; whoever was told all until then asks for what comes after. `by` is the device that made it."""

    name: str
    at: int
    by: str
    data: dict[str, str]


def asked(pool_id: str, identity_id: str) -> Asked:
    """Raises InvalidParameterException."""
    for each in (pool_id, identity_id):
        if len(each) > _LONGEST or not _ID.fullmatch(each):
            raise errors.InvalidParameterException("The path names no identity.")
    return Asked(identity_pool_id=pool_id, identity_id=identity_id)


async def check(cx: Context, asked: Asked) -> None:
    """Whether it may (still) listen: an identity that was merged or removed has nothing more to hear."""
    await find.pool(cx, asked.identity_pool_id)
    await find.check_identity(cx, asked.identity_pool_id, asked.identity_id)


async def counts(cx: Context, asked: Asked) -> dict[str, int]:
    found = await cx.store.datasets.counts(asked.identity_pool_id, asked.identity_id)
    return {name: count for name, count, _, _ in found}


async def changed(cx: Context, asked: Asked, known: Mapping[str, int]) -> list[Change]:
    """Datasets with other counts than are known, oldest change first."""
    pool_id, identity_id = asked.identity_pool_id, asked.identity_id
    found = [
        Change(name, int(at * 1000), by, data_of(pool_id, identity_id, name, count))
        for name, count, at, by in await cx.store.datasets.counts(pool_id, identity_id)
        if known.get(name) != count
    ]
    return sorted(found, key=lambda change: change.at)
