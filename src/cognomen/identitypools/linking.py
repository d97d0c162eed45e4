"""Which identity logins lead to, what becomes linked by them, and who is let in as whom. Every write checks again within its unit.

https://docs.aws.amazon.com/cognito/latest/developerguide/switching-identities.html
"""

from __future__ import annotations

from collections.abc import Sequence

from cognomen.api import errors
from cognomen.context import Context
from cognomen.delivery.sync import changes
from cognomen.identitypools import find
from cognomen.identitypools.logins import Proven
from cognomen.kernel import ids
from cognomen.kernel.events import DatasetChanged, IdentityMerged
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.identities import Identity, Login
from cognomen.storage.identity_pools import IdentityPool
from cognomen.storage.sync_settings import SyncSettings

MOST_LOGINS = 20  # of an identity: https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_MergeDeveloperIdentities.html
_TRIES = 3
# Text: amazon-cognito-identity-js #68.
MISMATCH = "Logins don't match. Please include at least one valid login for this identity or identity pool."


async def guest(cx: Context, pool: IdentityPool) -> str:
    """A new identity, that of nobody known. Raises NotAuthorizedException."""
    check_guests(pool)
    return await _new(cx, pool, [])


def check_guests(pool: IdentityPool) -> None:
    if not pool.settings.pool.allow_unauthenticated_identities:
        raise errors.NotAuthorizedException("Unauthenticated access is not supported for this identity pool.")


async def led_to(cx: Context, pool: IdentityPool, proven: Sequence[Proven]) -> str:
    """The identity of these logins; made where there is none. Raises ResourceConflictException where they lead to different ones."""
    logins = [one.login for one in proven]
    for _ in range(_TRIES):
        found = {login.digest: await cx.store.identities.linked_to(pool.pool_id, login) for login in logins}
        there = {identity_id for identity_id in found.values() if identity_id is not None}
        if len(there) > 1:
            raise conflict()
        missing = [login for login in logins if found[login.digest] is None]
        try:
            if not there:
                return await _new(cx, pool, logins)
            [identity_id] = there
            if missing:
                await _link(cx, pool, identity_id, missing)
            return identity_id  # noqa: TRY300  # the way out of three tries
        except (Taken, Missing):
            if await cx.store.identity_pools.get(pool.pool_id) is None:
                raise find.no_pool(pool.pool_id) from None
            continue  # somebody was first: their identity is the one
    raise conflict()


async def entered(cx: Context, pool: IdentityPool, asked: Identity, proven: Sequence[Proven]) -> str:
    """The id under which a request that names an identity goes on: its own, or that of the one with which its logins are linked.

    A guest becomes a user: by a new login they keep their identity, by a known one the guest's is merged into the user's. Raises
    NotAuthorizedException, ResourceConflictException."""
    if not proven:
        if asked.authenticated or asked.merged_into is not None:
            raise errors.NotAuthorizedException(f"Access to Identity '{asked.identity_id}' is forbidden.")
        check_guests(pool)
        return asked.identity_id
    logins = [one.login for one in proven]
    for _ in range(_TRIES):
        found = {login.digest: await cx.store.identities.linked_to(pool.pool_id, login) for login in logins}
        there = {identity_id for identity_id in found.values() if identity_id is not None}
        missing = [login for login in logins if found[login.digest] is None]
        own = asked.merged_into or asked.identity_id
        if not missing and there == {own}:
            return own
        if len(there) > 1:
            raise conflict()
        is_guest = not asked.authenticated and asked.merged_into is None
        if there != {own} and not is_guest:
            raise errors.NotAuthorizedException(MISMATCH)
        target = next(iter(there), own)
        try:
            if target != own:
                await merge_guest(cx, pool, own, target)
            if missing:
                await _link(cx, pool, target, missing, only_guest=not there)
            return target  # noqa: TRY300  # the way out of three tries
        except (Taken, Missing) as cause:
            again = await cx.store.identities.find(asked.identity_id)
            if again is None:
                raise find.no_identity(asked.identity_id) from cause
            asked = again
    raise conflict()


async def merge_guest(cx: Context, pool: IdentityPool, source: str, target: str) -> None:
    """Raises Missing where either is not (any more) what it was."""
    settings = await cx.store.sync_settings.get(pool.pool_id)

    async def unit(tx: Tx) -> bool:
        present = await cx.store.identities.get(pool.pool_id, source, tx)
        into = await cx.store.identities.get(pool.pool_id, target, tx)
        if present is None or present.authenticated or present.merged_into or into is None or into.merged_into:
            raise Missing(source)
        return await merge(cx, tx, settings, pool.pool_id, source, target)

    tell_merged(cx, pool.pool_id, source, target, waits=await cx.store.write(unit, large=True))


async def merge(cx: Context, tx: Tx, settings: SyncSettings, pool_id: str, source: str, target: str) -> bool:
    """Within a unit: logins, datasets and devices of the source become the target's. True where something of it is to be delivered."""
    now = cx.clock.now()
    await cx.store.identities.merge(tx, pool_id, source, target, now)
    moved = await cx.store.datasets.carry_over(tx, pool_id, source, target, now)
    return await changes.leave_moved(cx.store, tx, settings, moved, now)


def tell_merged(cx: Context, pool_id: str, source: str, target: str, *, waits: bool) -> None:
    cx.tell(IdentityMerged, pool_id, identity_id=source, into=target)
    cx.tell(DatasetChanged, pool_id, identity_id=target, waits=waits)


async def _new(cx: Context, pool: IdentityPool, logins: Sequence[Login]) -> str:
    """Raises Taken where one of the logins is linked meanwhile, ResourceNotFoundException."""
    now = cx.clock.now()
    made = Identity(
        pool_id=pool.pool_id,
        identity_id=f"{pool.region}:{ids.uuid()}",
        created_at=now,
        modified_at=now,
        authenticated=bool(logins),
    )

    async def unit(tx: Tx) -> None:
        await cx.store.identities.add(tx, made, logins)

    try:
        await cx.store.write(unit)
    except Missing as cause:
        raise find.no_pool(pool.pool_id) from cause
    return made.identity_id


async def _link(cx: Context, pool: IdentityPool, identity_id: str, logins: Sequence[Login], *, only_guest: bool = False) -> None:
    """`only_guest`: nobody has proved to be this identity, so it must be a guest's still. Raises Taken, Missing, ResourceConflictException."""
    now = cx.clock.now()

    async def unit(tx: Tx) -> None:
        present = await cx.store.identities.get(pool.pool_id, identity_id, tx)
        if present is None or present.merged_into or (only_guest and present.authenticated):
            raise Missing(identity_id)
        check_together(await cx.store.identities.logins(pool.pool_id, identity_id, tx), logins)
        await cx.store.identities.link(tx, pool.pool_id, identity_id, logins, now)

    await cx.store.write(unit)


def check_together(one: Sequence[Login], other: Sequence[Login]) -> None:
    """Two users of one public provider are two people; a developer's own users may be one. Raises ResourceConflictException."""
    if {login.provider for login in one if login.sealed is None} & {login.provider for login in other if login.sealed is None}:
        raise errors.ResourceConflictException("The identity is linked to another user of the same provider.")
    if len(one) + len(other) > MOST_LOGINS:
        raise errors.ResourceConflictException(f"An identity cannot have more than {MOST_LOGINS} linked logins.")


def conflict() -> errors.ResourceConflictException:
    return errors.ResourceConflictException("The provided logins are linked to different identities.")
