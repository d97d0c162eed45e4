"""Identities: found or made by logins, described, listed, unlinked, deleted."""

from __future__ import annotations

from cognomen.api import errors, identity
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.delivery.sync import changes
from cognomen.identitypools import find, linking, logins
from cognomen.kernel import paging
from cognomen.kernel.events import DatasetChanged, IdentityDeleted
from cognomen.kernel.log import get_logger
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Missing
from cognomen.storage.identities import Identity

log = get_logger("identitypools")


@op
async def get_id(cx: Context, request: identity.GetIdInput) -> identity.GetIdResponse:
    """One identity for a user, whenever they come; a new one for each guest."""
    pool = await find.pool(cx, request.identity_pool_id)
    if request.account_id is not None and request.account_id != cx.settings.account:
        raise find.no_pool(request.identity_pool_id)
    if not request.logins:
        return identity.GetIdResponse(identity_id=await linking.guest(cx, pool))
    return identity.GetIdResponse(identity_id=await linking.led_to(cx, pool, await logins.verified(cx, pool, request.logins)))


@op
async def describe_identity(cx: Context, request: identity.DescribeIdentityInput) -> identity.IdentityDescription:
    """One that was merged into another has no logins any more."""
    _, found = await find.identity(cx, request.identity_id)
    linked = await cx.store.identities.logins(found.pool_id, found.identity_id)
    return _described(found, sorted({login.provider for login in linked}))


@op
async def list_identities(cx: Context, request: identity.ListIdentitiesInput) -> identity.ListIdentitiesResponse:
    pool = await find.pool(cx, request.identity_pool_id)
    hides = bool(request.hide_disabled)
    bound = paging.bound("ListIdentities", pool.pool_id, str(hides))
    after = find.position(cx, bound, request.next_token)
    # Zero is within the model's bounds; a page holds one at least, or it would never end.
    limit = max(1, request.max_results)
    found = await cx.store.identities.page(pool.pool_id, after, limit + 1, enabled_only=hides)
    shown = found[:limit]
    return identity.ListIdentitiesResponse(
        identity_pool_id=pool.pool_id,
        identities=[_described(one.identity, one.providers) for one in shown],
        next_token=cx.pager.token(bound, [shown[-1].identity.identity_id]) if len(found) > len(shown) else None,
    )


def _described(found: Identity, providers: list[str]) -> identity.IdentityDescription:
    return identity.IdentityDescription(
        identity_id=found.identity_id, logins=providers, creation_date=found.created_at, last_modified_date=found.modified_at
    )


@op
async def unlink_identity(cx: Context, request: identity.UnlinkIdentityInput) -> None:
    """Whoever has a login of the identity may remove any of its public logins. Without the last one nobody gets in. The id of one that was merged
    means the one that has its logins now."""
    pool, asked = await find.identity(cx, request.identity_id)
    found = await find.current(cx, asked)
    proven = await logins.verified(cx, pool, request.logins)
    present = await cx.store.identities.logins(pool.pool_id, found.identity_id)
    digests = {login.digest for login in present}
    if not any(one.login.digest in digests for one in proven):
        raise errors.NotAuthorizedException(linking.MISMATCH)
    # A provider goes by the name that the request's login has, or by the one that DescribeIdentity shows.
    names = {name: one.provider for name, one in zip(request.logins, proven, strict=True)}
    removed = {names.get(name, name) for name in request.logins_to_remove}
    now = cx.clock.now()

    async def unit(tx: Tx) -> None:
        current = await cx.store.identities.logins(pool.pool_id, found.identity_id, tx)
        if not {one.login.digest for one in proven} & {login.digest for login in current}:
            raise errors.NotAuthorizedException(linking.MISMATCH)
        for login in current:
            if login.provider in removed and login.sealed is None:
                await cx.store.identities.unlink(tx, pool.pool_id, found.identity_id, login, now)

    await cx.store.write(unit)


@op
async def delete_identities(cx: Context, request: identity.DeleteIdentitiesInput) -> identity.DeleteIdentitiesResponse:
    """Each by itself; those that are not there, and those that could not be deleted, are named in the answer."""
    left = [(one, await _deleted(cx, one)) for one in dict.fromkeys(request.identity_ids_to_delete)]
    unprocessed = [identity.UnprocessedIdentityId(identity_id=one, error_code=code) for one, code in left if code is not None]
    return identity.DeleteIdentitiesResponse(unprocessed_identity_ids=unprocessed)


async def _deleted(cx: Context, identity_id: str) -> str | None:
    """Why not, None where it is done."""
    try:
        pool, found = await find.identity(cx, identity_id)

        settings = await cx.store.sync_settings.get(found.pool_id)

        async def unit(tx: Tx) -> bool:
            now = cx.clock.now()
            await cx.store.identities.remove(tx, found.pool_id, found.identity_id)
            gone = await cx.store.datasets.forget(tx, found.pool_id, found.identity_id, now)
            return await changes.leave_deleted(cx.store, tx, settings, gone, now)

        waits = await cx.store.write(unit)
    except (errors.ResourceNotFoundException, Missing):
        return "AccessDenied"
    except Exception:
        log.exception("an identity could not be deleted", identity_id=identity_id)
        return "InternalServerError"
    cx.tell(IdentityDeleted, pool.pool_id, identity_id=identity_id)
    cx.tell(DatasetChanged, pool.pool_id, identity_id=identity_id, waits=waits)
    return None
