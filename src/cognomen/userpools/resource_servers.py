"""Resource servers: APIs of one's own, and the scopes that clients may ask for them.

A scope that a client is allowed and that is deleted here stays in the client's settings, as at AWS, and is granted to nobody any more.
"""

from __future__ import annotations

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel import paging
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.resource_servers import ResourceServer, Scope
from cognomen.userpools import find, pages

_MOST = 300  # in a pool: what AWS's quota of 25 can be raised to
_PAGE = 50


@op
async def create_resource_server(cx: Context, request: idp.CreateResourceServerRequest) -> idp.CreateResourceServerResponse:
    pool = await find.pool(cx, request.user_pool_id)
    server = ResourceServer(pool.pool_id, request.identifier, request.name, _scopes(request.scopes))
    try:
        await cx.store.resource_servers.add(server, most=_MOST)
    except Missing as cause:
        raise errors.ResourceNotFoundException(f"User pool {pool.pool_id} does not exist.") from cause
    except Taken as cause:
        if cause.what == "quota":
            raise errors.LimitExceededException(f"A user pool has at most {_MOST} resource servers.") from cause
        raise errors.InvalidParameterException(f"{server.identifier} already exists in user pool {pool.pool_id}.") from cause
    return idp.CreateResourceServerResponse(resource_server=_shown(server))


def _scopes(given: list[idp.ResourceServerScopeType] | None) -> tuple[Scope, ...]:
    """Raises InvalidParameterException for a name that is there twice."""
    scopes = tuple(Scope(scope.scope_name, scope.scope_description) for scope in given or ())
    if len({scope.name for scope in scopes}) < len(scopes):
        raise errors.InvalidParameterException("Scope names must be unique in a resource server.")
    return scopes


@op
async def describe_resource_server(cx: Context, request: idp.DescribeResourceServerRequest) -> idp.DescribeResourceServerResponse:
    pool = await find.pool(cx, request.user_pool_id)
    server = await cx.store.resource_servers.get(pool.pool_id, request.identifier)
    if server is None:
        raise _no_server()
    return idp.DescribeResourceServerResponse(resource_server=_shown(server))


@op
async def update_resource_server(cx: Context, request: idp.UpdateResourceServerRequest) -> idp.UpdateResourceServerResponse:
    """Replaces name and scopes: without Scopes there are none any more ("If you don't provide a value for an attribute, it is set to the default")."""
    pool = await find.pool(cx, request.user_pool_id)
    server = ResourceServer(pool.pool_id, request.identifier, request.name, _scopes(request.scopes))
    try:
        await cx.store.resource_servers.put(server)
    except Missing as cause:
        raise _no_server() from cause
    return idp.UpdateResourceServerResponse(resource_server=_shown(server))


@op
async def delete_resource_server(cx: Context, request: idp.DeleteResourceServerRequest) -> None:
    pool = await find.pool(cx, request.user_pool_id)
    try:
        await cx.store.resource_servers.remove(pool.pool_id, request.identifier)
    except Missing as cause:
        raise _no_server() from cause


def _no_server() -> errors.ResourceNotFoundException:
    return errors.ResourceNotFoundException("Resource server does not exist.")


@op
async def list_resource_servers(cx: Context, request: idp.ListResourceServersRequest) -> idp.ListResourceServersResponse:
    pool = await find.pool(cx, request.user_pool_id)
    bound = paging.bound("ListResourceServers", pool.pool_id)
    after = pages.position(cx, bound, request.next_token)
    limit = request.max_results or _PAGE
    found = await cx.store.resource_servers.page(pool.pool_id, after[0] if after else "", limit + 1)
    return idp.ListResourceServersResponse(
        resource_servers=[_shown(server) for server in found[:limit]],
        next_token=cx.pager.token(bound, [found[limit - 1].identifier]) if len(found) > limit else None,
    )


def _shown(server: ResourceServer) -> idp.ResourceServerType:
    return idp.ResourceServerType(
        user_pool_id=server.pool_id,
        identifier=server.identifier,
        name=server.name,
        scopes=[idp.ResourceServerScopeType(scope_name=scope.name, scope_description=scope.description) for scope in server.scopes],
    )
