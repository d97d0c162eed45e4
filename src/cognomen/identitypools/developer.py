"""Identities that the developer authenticates: their own users' identifiers, registered, looked up, merged, unlinked.

https://docs.aws.amazon.com/cognito/latest/developerguide/developer-authenticated-identities.html
"""

from __future__ import annotations

from cognomen.api import errors, identity
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.identitypools import find, linking, logins
from cognomen.identitypools.credentials import methods, open_id_token
from cognomen.identitypools.rules import principal_tags
from cognomen.kernel import paging
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.identities import Identity
from cognomen.storage.identity_pools import IdentityPool, TagMap

_SECONDS = 900  # "If you don't provide an expiration time, the token is valid for 15 minutes."
_MOST = 60


@op
async def get_open_id_token_for_developer_identity(
    cx: Context, request: identity.GetOpenIdTokenForDeveloperIdentityInput
) -> identity.GetOpenIdTokenForDeveloperIdentityResponse:
    """Finds or makes the identity of a developer's user, or links the user to the identity that is named; other logins are verified and linked."""
    pool = await find.pool(cx, request.identity_pool_id)
    provider = _provider(pool)
    identifier = request.logins.get(provider)
    if identifier is None:
        raise errors.InvalidParameterException(f"Please provide a login of the developer provider {provider}.")
    others = {name: token for name, token in request.logins.items() if name != provider}
    proven = [logins.developer(cx, pool, provider, identifier), *(await logins.verified(cx, pool, others) if others else [])]
    tags = request.principal_tags or {}
    principal_tags.check(pool.settings.pool, provider, TagMap(False, tags))
    if request.identity_id is None:
        identity_id = await linking.led_to(cx, pool, proven)
    else:
        identity_id = await _linked(cx, pool, request.identity_id, proven)
    tags = tags or principal_tags.of(pool.settings.tags.get(provider), {"sub": identifier, "aud": pool.pool_id})
    token = await open_id_token(cx, pool, identity_id, methods(proven), request.token_duration or _SECONDS, tags)
    return identity.GetOpenIdTokenForDeveloperIdentityResponse(identity_id=identity_id, token=token)


async def _linked(cx: Context, pool: IdentityPool, identity_id: str, proven: list[logins.Proven]) -> str:
    """The developer's word suffices to link: the identity may be a guest's or a user's. Raises DeveloperUserAlreadyRegisteredException."""
    owner, found = await find.identity(cx, identity_id)
    if owner.pool_id != pool.pool_id:
        raise find.no_identity(identity_id)
    target = (await find.current(cx, found)).identity_id
    now = cx.clock.now()

    async def unit(tx: Tx) -> None:
        missing = []
        for one in proven:
            there = await cx.store.identities.linked_to(pool.pool_id, one.login, tx)
            if there is None:
                missing.append(one.login)
            elif there != target:
                raise _registered() if one.login.sealed else linking.conflict()
        if missing:
            linking.check_together(await cx.store.identities.logins(pool.pool_id, target, tx), missing)
            await cx.store.identities.link(tx, pool.pool_id, target, missing, now)

    try:
        await cx.store.write(unit)
    except Taken as cause:
        raise _registered() from cause
    except Missing as cause:
        raise find.no_identity(identity_id) from cause
    return target


@op
async def lookup_developer_identity(
    cx: Context, request: identity.LookupDeveloperIdentityInput
) -> identity.LookupDeveloperIdentityResponse:
    """By the identity, by the identifier, or both, which must belong together."""
    pool = await find.pool(cx, request.identity_pool_id)
    provider = _provider(pool)
    if request.identity_id is None and request.developer_user_identifier is None:
        raise errors.InvalidParameterException("Either IdentityId or DeveloperUserIdentifier must be given.")
    identity_id = request.identity_id
    if request.developer_user_identifier is not None:
        there = await _of(cx, pool, provider, request.developer_user_identifier)
        if identity_id not in (None, there):
            raise errors.ResourceConflictException("IdentityId and DeveloperUserIdentifier do not belong together.")
        identity_id = there
    if identity_id is None or await cx.store.identities.get(pool.pool_id, identity_id) is None:
        raise find.no_identity(str(identity_id))
    if request.identity_id is not None and request.developer_user_identifier is not None:
        return identity.LookupDeveloperIdentityResponse(
            identity_id=identity_id, developer_user_identifier_list=[request.developer_user_identifier]
        )
    bound = paging.bound("LookupDeveloperIdentity", pool.pool_id, identity_id)
    after = find.position(cx, bound, request.next_token)
    limit = request.max_results or _MOST
    found = await cx.store.identities.developer_logins(pool.pool_id, identity_id, provider, bytes.fromhex(after), limit + 1)
    shown = found[:limit]
    return identity.LookupDeveloperIdentityResponse(
        identity_id=identity_id,
        developer_user_identifier_list=[logins.identifier_of(cx, pool, login) for login in shown],
        next_token=cx.pager.token(bound, [shown[-1].digest.hex()]) if len(found) > len(shown) else None,
    )


@op
async def merge_developer_identities(
    cx: Context, request: identity.MergeDeveloperIdentitiesInput
) -> identity.MergeDeveloperIdentitiesResponse:
    """The source's identity is disabled; its logins, and whoever comes with its id, get the destination's."""
    pool = await find.pool(cx, request.identity_pool_id)
    provider = _provider(pool, request.developer_provider_name)
    source = await _of(cx, pool, provider, request.source_user_identifier)
    target = await _of(cx, pool, provider, request.destination_user_identifier)
    if source != target:
        settings = await cx.store.sync_settings.get(pool.pool_id)

        async def unit(tx: Tx) -> bool:
            for identifier, expected in ((request.source_user_identifier, source), (request.destination_user_identifier, target)):
                login = logins.developer(cx, pool, provider, identifier).login
                if await cx.store.identities.linked_to(pool.pool_id, login, tx) != expected:
                    raise Missing(expected)
            present: Identity | None = await cx.store.identities.get(pool.pool_id, source, tx)
            if present is None:
                raise Missing(source)
            linking.check_together(
                await cx.store.identities.logins(pool.pool_id, source, tx), await cx.store.identities.logins(pool.pool_id, target, tx)
            )
            return await linking.merge(cx, tx, settings, pool.pool_id, source, target)

        try:
            waits = await cx.store.write(unit, large=True)
        except Missing as cause:
            raise errors.ResourceConflictException("The identities changed meanwhile.") from cause
        linking.tell_merged(cx, pool.pool_id, source, target, waits=waits)
    return identity.MergeDeveloperIdentitiesResponse(identity_id=target)


@op
async def unlink_developer_identity(cx: Context, request: identity.UnlinkDeveloperIdentityInput) -> None:
    """The developer's user gets another identity next time."""
    pool = await find.pool(cx, request.identity_pool_id)
    provider = _provider(pool, request.developer_provider_name)
    login = logins.developer(cx, pool, provider, request.developer_user_identifier).login
    now = cx.clock.now()
    if await cx.store.identities.get(pool.pool_id, request.identity_id) is None:
        raise find.no_identity(request.identity_id)

    async def unit(tx: Tx) -> None:
        await cx.store.identities.unlink(tx, pool.pool_id, request.identity_id, login, now)

    try:
        await cx.store.write(unit)
    except Missing as cause:
        raise errors.ResourceNotFoundException("The developer user is not linked to this identity.") from cause


async def _of(cx: Context, pool: IdentityPool, provider: str, identifier: str) -> str:
    """The identity of a developer's user. Raises ResourceNotFoundException."""
    there = await cx.store.identities.linked_to(pool.pool_id, logins.developer(cx, pool, provider, identifier).login)
    if there is None:
        raise errors.ResourceNotFoundException("Developer user not found.")
    return there


def _provider(pool: IdentityPool, named: str | None = None) -> str:
    """The pool's developer provider; `named` must be it. Raises InvalidParameterException."""
    provider = pool.settings.pool.developer_provider_name
    if provider is None or (named is not None and named != provider):
        raise errors.InvalidParameterException("The developer provider is not configured for this identity pool.")
    return provider


def _registered() -> errors.DeveloperUserAlreadyRegisteredException:
    """Text: the API's own description of the error."""
    return errors.DeveloperUserAlreadyRegisteredException(
        "The provided developer user identifier is already registered with Cognito under a different identity ID."
    )
