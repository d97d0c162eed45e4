"""The identities at providers of copied users: by them a user is found at the next sign-in. Amazon Cognito shows them in the attribute `identities`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cognomen.context import Context
from cognomen.storage.engine import Tx
from cognomen.storage.federated_identities import SUBJECT, FederatedIdentity
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools.federation import profiles


def read(pool: Pool, user: User, shown: str) -> list[FederatedIdentity]:
    """Those that can be read; one that names no provider or user is left out."""
    return list(_each(pool, user, shown))


def _each(pool: Pool, user: User, shown: str) -> Iterator[FederatedIdentity]:
    try:
        listed = json.loads(shown)
    except ValueError:
        return
    for one in listed if isinstance(listed, list) else ():
        if not isinstance(one, dict) or not all(isinstance(one.get(name), str) for name in ("userId", "providerName", "providerType")):
            continue
        value = profiles.subject_key(pool, one["providerType"], one["userId"])
        if 0 < len(value) <= profiles.LONGEST_VALUE:
            yield FederatedIdentity(
                pool_id=pool.pool_id,
                provider=one["providerName"],
                attribute=SUBJECT,
                value=value,
                sub=user.sub,
                own=_is_true(one.get("primary")),
                kind=one["providerType"],
                issuer=one["issuer"] if isinstance(one.get("issuer"), str) else None,
                created_at=_seconds(one.get("dateCreated"), user.created_at),
            )


def _is_true(value: Any) -> bool:
    return value is True or value == "true"


def _seconds(milliseconds: Any, otherwise: float) -> float:
    try:
        return float(milliseconds) / 1000
    except (TypeError, ValueError):
        return otherwise


async def keep(cx: Context, tx: Tx, user: User, identities: list[FederatedIdentity]) -> None:
    """Within a unit, for a user who was just added; an identity that is somebody's already stays theirs."""
    for identity in identities:
        found = await cx.store.federated_identities.find(identity.pool_id, identity.provider, identity.attribute, identity.value, tx)
        if found is None:
            await cx.store.federated_identities.add(tx, identity)
    await profiles.show_identities(cx, tx, user)
