"""Which scopes a pool knows: the standard ones, and those of its resource servers."""

from __future__ import annotations

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.storage.clients import Client
from cognomen.storage.pools import Pool
from cognomen.userpools.rules.scopes import STANDARD


async def custom_scopes(cx: Context, pool: Pool) -> frozenset[str]:
    """`identifier/scope` of each scope that a resource server of the pool has now."""
    return await cx.store.resource_servers.scopes(pool.pool_id)


async def check(cx: Context, pool: Pool, settings: idp.UserPoolClientType) -> None:
    """Raises ScopeDoesNotExistException where a client is to be allowed a scope that the pool does not know."""
    asked = [scope for scope in settings.allowed_o_auth_scopes or [] if scope not in STANDARD]
    if not asked:
        return
    known = await custom_scopes(cx, pool)
    for scope in asked:
        if scope not in known:
            raise errors.ScopeDoesNotExistException(f"Invalid scope requested: {scope}")


async def granted(cx: Context, pool: Pool, client: Client) -> tuple[str, ...]:
    """The client's scopes, in their order, without those that its pool has no more."""
    allowed = client.settings.allowed_o_auth_scopes or []
    if STANDARD.issuperset(allowed):
        return tuple(allowed)
    known = STANDARD | await custom_scopes(cx, pool)
    return tuple(scope for scope in allowed if scope in known)
