"""Identity pools and identities by what a request names, the one error for each that is not there, and the pages of lists."""

from __future__ import annotations

from cognomen.api import errors
from cognomen.context import Context
from cognomen.storage.identities import Identity
from cognomen.storage.identity_pools import IdentityPool


async def pool(cx: Context, pool_id: str) -> IdentityPool:
    found = await cx.store.identity_pools.get(pool_id)
    if found is None:
        raise no_pool(pool_id)
    return found


async def identity(cx: Context, identity_id: str) -> tuple[IdentityPool, Identity]:
    """By its id alone; one that was merged into another is found as it is. Raises ResourceNotFoundException."""
    found = await cx.store.identities.find(identity_id)
    owner = await cx.store.identity_pools.get(found.pool_id) if found else None
    if found is None or owner is None:
        raise no_identity(identity_id)
    return owner, found


async def current(cx: Context, found: Identity) -> Identity:
    """The identity itself, or the one that it was merged into. Raises ResourceNotFoundException."""
    if found.merged_into is None:
        return found
    into = await cx.store.identities.get(found.pool_id, found.merged_into)
    if into is None:
        raise no_identity(found.identity_id)
    return into


# Texts: amplify-js #13650.
def no_pool(pool_id: str) -> errors.ResourceNotFoundException:
    return errors.ResourceNotFoundException(f"IdentityPool '{pool_id}' not found.")


def no_identity(identity_id: str) -> errors.ResourceNotFoundException:
    return errors.ResourceNotFoundException(f"Identity '{identity_id}' not found.")


def position(cx: Context, bound: str, token: str | None) -> str:
    """The last key of the page before; empty for the first page. Raises InvalidParameterException."""
    found = cx.pager.after(bound, token, errors.InvalidParameterException("Invalid NextToken."))
    return str(found[0]) if found else ""
