"""App clients: made, shown, changed, listed, deleted. A client's secrets are in `client_secrets.py`."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel import ids, paging
from cognomen.storage.clients import Client
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.pools import Pool
from cognomen.userpools import client_auth, find, pages
from cognomen.userpools.rules import oauth_scopes, permissions, schema, validity

_DEFAULT_FLOWS = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"]
_RUN_BY_BROWSERS = frozenset(("javascript", "vbscript", "data", "blob", "filesystem", "file", "about", "view-source"))
# Members that CreateUserPoolClient, UpdateUserPoolClient and UserPoolClientType share under one name, but for the ids.
_SHARED = tuple(
    name
    for name in idp.UpdateUserPoolClientRequest.__struct_fields__
    if name in idp.UserPoolClientType.__struct_fields__ and name not in ("user_pool_id", "client_id")
)


@op
async def create_user_pool_client(cx: Context, request: idp.CreateUserPoolClientRequest) -> idp.CreateUserPoolClientResponse:
    pool = await find.pool(cx, request.user_pool_id)
    if request.generate_secret and request.client_secret:
        raise errors.InvalidParameterException("GenerateSecret cannot be true when a ClientSecret is given.")
    settings = complete(idp.UserPoolClientType(**{name: getattr(request, name) for name in _SHARED}))
    check(pool, settings)
    check_secret_needed(settings, has_secret=bool(request.generate_secret or request.client_secret))
    await oauth_scopes.check(cx, pool, settings)
    await check_providers(cx, pool, settings)
    client = await add(
        cx, pool, settings, ids.client_id(), request.client_secret or (ids.client_secret() if request.generate_secret else None)
    )
    return idp.CreateUserPoolClientResponse(user_pool_client=shown(cx, client))


async def add(cx: Context, pool: Pool, settings: idp.UserPoolClientType, client_id: str, secret: str | None) -> Client:
    now = cx.clock.now()
    secrets = (client_auth.seal_secret(cx, pool.pool_id, client_id, secret),) if secret else ()
    client = Client(pool.pool_id, client_id, now, now, settings, secrets)
    try:
        await cx.store.clients.add(client)
    except Missing as cause:
        raise errors.ResourceNotFoundException(f"User pool {pool.pool_id} does not exist.") from cause
    except Taken as cause:
        raise errors.InvalidParameterException(f"A client with the id {client_id} exists already.") from cause
    return client


def complete(settings: idp.UserPoolClientType) -> idp.UserPoolClientType:
    """The settings with AWS's defaults (FIDELITY B.9.67); lists that are empty are absent."""
    lists = {
        name: value or None
        for name in ("read_attributes", "write_attributes", "callback_urls", "logout_urls", "supported_identity_providers")
        for value in [getattr(settings, name)]
    }
    units = settings.token_validity_units or idp.TokenValidityUnitsType()
    if not settings.refresh_token_validity and units.refresh_token:
        units = msgspec.structs.replace(units, refresh_token="days")  # the default is 30 days, whatever the unit of what was left out
    return msgspec.structs.replace(
        settings,
        refresh_token_validity=settings.refresh_token_validity or 30,
        token_validity_units=units,
        explicit_auth_flows=settings.explicit_auth_flows or _DEFAULT_FLOWS,
        allowed_o_auth_flows=settings.allowed_o_auth_flows or None,
        allowed_o_auth_scopes=settings.allowed_o_auth_scopes or None,
        allowed_o_auth_flows_user_pool_client=bool(settings.allowed_o_auth_flows_user_pool_client),
        enable_token_revocation=settings.enable_token_revocation is not False,
        enable_propagate_additional_user_context_data=bool(settings.enable_propagate_additional_user_context_data),
        auth_session_validity=settings.auth_session_validity or 3,
        **lists,
    )


def check(pool: Pool, settings: idp.UserPoolClientType) -> None:
    """Raises InvalidParameterException for settings that contradict each other or name what the pool lacks."""
    validity.check(settings)
    known = {attribute.name for attribute in pool.settings.pool.schema_attributes or []}
    writable = known - permissions.BY_COGNITO
    for named, verb, allowed in ((settings.read_attributes, "read", known), (settings.write_attributes, "write", writable)):
        for name in named or []:
            if name not in allowed:
                raise errors.InvalidParameterException(f"Invalid {verb} attributes specified while creating a client")
    _check_required_writable(pool, settings)
    _check_flows(settings)
    for url in [*(settings.callback_urls or []), *(settings.logout_urls or [])]:
        _check_url(url)
    if settings.default_redirect_uri and settings.default_redirect_uri not in (settings.callback_urls or []):
        raise errors.InvalidParameterException("The default redirect URI must be in the list of callback URLs.")
    rotation = settings.refresh_token_rotation
    if rotation is not None and rotation.feature == "ENABLED" and "ALLOW_REFRESH_TOKEN_AUTH" in (settings.explicit_auth_flows or []):
        raise errors.InvalidParameterException("Refresh token rotation and ALLOW_REFRESH_TOKEN_AUTH cannot be enabled at the same time.")


def _check_required_writable(pool: Pool, settings: idp.UserPoolClientType) -> None:
    if settings.write_attributes is None:
        return
    for name in schema.required(pool.settings.pool.schema_attributes or []):
        if name not in settings.write_attributes:
            raise errors.InvalidParameterException("Invalid write attributes specified while creating a client")


def _check_flows(settings: idp.UserPoolClientType) -> None:
    flows = settings.explicit_auth_flows or []
    if any(flow.startswith("ALLOW_") for flow in flows) and not all(flow.startswith("ALLOW_") for flow in flows):
        raise errors.InvalidParameterException("ExplicitAuthFlows with and without the prefix ALLOW_ cannot be used together.")
    oauth = settings.allowed_o_auth_flows or []
    if settings.allowed_o_auth_flows_user_pool_client and not (oauth and settings.allowed_o_auth_scopes):
        raise errors.InvalidOAuthFlowException(
            "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows."
        )
    if {"code", "implicit"} & set(oauth) and "client_credentials" in oauth:
        raise errors.InvalidOAuthFlowException("client_credentials flow can not be selected along with code flow or implicit flow.")
    if {"code", "implicit"} & set(oauth) and not settings.callback_urls:
        raise errors.InvalidOAuthFlowException("CallbackUrls can not be empty when code flow or implicit flow is selected")


async def check_providers(cx: Context, pool: Pool, settings: idp.UserPoolClientType | idp.UpdateUserPoolClientRequest) -> None:
    """Raises InvalidParameterException for an identity provider that the pool has not; COGNITO is the pool itself."""
    for name in dict.fromkeys(settings.supported_identity_providers or []):
        if name != "COGNITO" and await cx.store.identity_providers.get(pool.pool_id, name) is None:
            raise errors.InvalidParameterException(f"The provider {name} does not exist for User Pool {pool.pool_id}.")


def check_secret_needed(settings: idp.UserPoolClientType, *, has_secret: bool) -> None:
    """What only a client with a secret may do. Raises InvalidOAuthFlowException, InvalidParameterException."""
    if has_secret:
        return
    if "client_credentials" in (settings.allowed_o_auth_flows or []):
        raise errors.InvalidOAuthFlowException("client_credentials flow can not be selected if client does not have a client secret.")
    if settings.enable_propagate_additional_user_context_data:
        raise errors.InvalidParameterException("EnablePropagateAdditionalUserContextData requires a client with a secret.")


def _check_url(url: str) -> None:
    """https, plain http for loopback names, or an app's own scheme; no fragment, not even an empty one (RFC 6749, 3.1.2)."""
    try:
        parts = urlsplit(url)
    except ValueError as cause:  # brackets that hold no IPv6 address
        raise errors.InvalidParameterException(f"{url} is not a valid callback or logout URL.") from cause
    loopback = parts.hostname in ("localhost", "127.0.0.1", "::1") or (parts.hostname or "").endswith(".localhost")
    if (
        not parts.scheme
        or "#" in url
        or (parts.scheme in ("http", "https") and not parts.hostname)
        or (parts.scheme == "http" and not loopback)
        or parts.scheme in _RUN_BY_BROWSERS
    ):
        raise errors.InvalidParameterException(f"{url} is not a valid callback or logout URL.")


@op
async def describe_user_pool_client(cx: Context, request: idp.DescribeUserPoolClientRequest) -> idp.DescribeUserPoolClientResponse:
    _, client = await find.client_in(cx, request.user_pool_id, request.client_id)
    return idp.DescribeUserPoolClientResponse(user_pool_client=shown(cx, client))


@op
async def update_user_pool_client(cx: Context, request: idp.UpdateUserPoolClientRequest) -> idp.UpdateUserPoolClientResponse:
    """What the request leaves out goes back to its default, but for the name, as AWS's documentation says."""
    pool, _ = await find.client_in(cx, request.user_pool_id, request.client_id)
    await oauth_scopes.check(cx, pool, idp.UserPoolClientType(allowed_o_auth_scopes=request.allowed_o_auth_scopes))
    await check_providers(cx, pool, request)
    now = cx.clock.now()

    def update(present: Client) -> Client:
        asked = {name: getattr(request, name) for name in _SHARED}
        asked["client_name"] = request.client_name or present.settings.client_name
        settings = complete(idp.UserPoolClientType(**asked))
        check(pool, settings)
        check_secret_needed(settings, has_secret=bool(present.secrets))
        return msgspec.structs.replace(present, settings=settings, modified_at=now)

    client = await change(cx, request.user_pool_id, request.client_id, update)
    return idp.UpdateUserPoolClientResponse(user_pool_client=shown(cx, client))


async def change(cx: Context, pool_id: str, client_id: str, update: client_auth.Update) -> Client:
    try:
        return await cx.store.clients.change(pool_id, client_id, update)
    except Missing as cause:
        raise find.no_client(client_id) from cause


@op
async def delete_user_pool_client(cx: Context, request: idp.DeleteUserPoolClientRequest) -> None:
    await find.pool(cx, request.user_pool_id)
    try:
        await cx.store.clients.remove(request.user_pool_id, request.client_id)
    except Missing as cause:
        raise find.no_client(request.client_id) from cause


@op
async def list_user_pool_clients(cx: Context, request: idp.ListUserPoolClientsRequest) -> idp.ListUserPoolClientsResponse:
    """Of the type DCR are clients that registered themselves, which none can here yet: every client is a REGULAR one."""
    pool = await find.pool(cx, request.user_pool_id)
    bound = paging.bound("ListUserPoolClients", pool.pool_id, request.client_type or "")
    after = pages.position(cx, bound, request.next_token)
    limit = request.max_results or pages.MOST
    found = [] if request.client_type == "DCR" else await cx.store.clients.page(pool.pool_id, after[0] if after else "", limit + 1)
    listed = found[:limit]
    return idp.ListUserPoolClientsResponse(
        user_pool_clients=[
            idp.UserPoolClientDescription(client_id=client.client_id, user_pool_id=client.pool_id, client_name=client.settings.client_name)
            for client in listed
        ],
        next_token=cx.pager.token(bound, [listed[-1].client_id]) if len(found) > limit else None,
    )


def shown(cx: Context, client: Client) -> idp.UserPoolClientType:
    """A client as its administrators see it, with its first secret if it has one."""
    return msgspec.structs.replace(
        client.settings,
        user_pool_id=client.pool_id,
        client_id=client.client_id,
        client_secret=client_auth.open_secret(cx, client, client.secrets[0]) if client.secrets else None,
        creation_date=client.created_at,
        last_modified_date=client.modified_at,
    )
