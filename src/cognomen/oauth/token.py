"""The token endpoint: a grant for tokens. Proving the client stands here once; a grant is a function and a line in the table at the end.

https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.oauth import answers, client_credentials, parameters
from cognomen.oauth.doors import Door
from cognomen.oauth.errors import OAuthError, of_trigger
from cognomen.storage.clients import Client
from cognomen.userpools import authorization, machine_tokens, refresh
from cognomen.userpools.rules import oauth_scopes
from cognomen.userpools.rules.scopes import STANDARD

_OF_FUNCTIONS = (errors.UserLambdaValidationException, errors.UnexpectedLambdaException, errors.InvalidLambdaResponseException)
_METADATA = "aws_client_metadata"


async def token(cx: Context, at: Door, request: Request) -> Response:
    form = await parameters.of_form(request)
    kind = form.get("grant_type")
    if kind is None:
        raise OAuthError("invalid_request")
    grant = _GRANTS.get(kind)
    if grant is None:
        raise OAuthError("unsupported_grant_type")
    client, _ = await client_credentials.client_of(cx, at, request, form)
    try:
        result = await grant(cx, at, client, form)
    except _OF_FUNCTIONS as error:
        raise of_trigger(error) from error
    shown = {
        "id_token": result.id_token,
        "access_token": result.access_token,
        "refresh_token": result.refresh_token,
        "expires_in": result.expires_in,
        "token_type": result.token_type,
    }
    return answers.tokens({name: value for name, value in shown.items() if value is not None})


async def _authorization_code(cx: Context, at: Door, client: Client, form: Mapping[str, str]) -> idp.AuthenticationResultType:
    if "code" not in form or "redirect_uri" not in form:
        raise OAuthError("invalid_request")
    _check_flow(client, "code")
    try:
        return await authorization.exchange(
            cx, at.pool, client, form["code"], form["redirect_uri"], form.get("code_verifier"), _metadata(form)
        )
    except authorization.NoGrant as cause:
        raise OAuthError("invalid_grant") from cause


async def _refresh_token(cx: Context, at: Door, client: Client, form: Mapping[str, str]) -> idp.AuthenticationResultType:
    if "refresh_token" not in form:
        raise OAuthError("invalid_request")
    try:
        return await refresh.with_rotation(cx, at.pool, client, form["refresh_token"], None, _metadata(form))
    except (errors.NotAuthorizedException, errors.RefreshTokenReuseException) as cause:
        raise OAuthError("invalid_grant") from cause


async def _client_credentials(cx: Context, at: Door, client: Client, form: Mapping[str, str]) -> idp.AuthenticationResultType:
    if not client.secrets:
        raise client_credentials.invalid()
    _check_flow(client, "client_credentials")
    # Those of resource servers alone: the others are about a user, and there is none.
    allowed = tuple(scope for scope in await oauth_scopes.granted(cx, at.pool, client) if scope not in STANDARD)
    scopes = tuple(dict.fromkeys(form["scope"].split())) if "scope" in form else allowed
    if not scopes or not set(scopes) <= set(allowed):
        raise OAuthError("invalid_scope")
    return await machine_tokens.issue(cx, at.pool, client, scopes, _metadata(form))


def _check_flow(client: Client, flow: str) -> None:
    settings = client.settings
    if not settings.allowed_o_auth_flows_user_pool_client or flow not in (settings.allowed_o_auth_flows or []):
        raise OAuthError("unauthorized_client")


def _metadata(form: Mapping[str, str]) -> dict[str, str] | None:
    """For the PreTokenGeneration function: a JSON object of texts."""
    given = form.get(_METADATA)
    if given is None:
        return None
    try:
        return msgspec.json.decode(given, type=dict[str, str])
    except (msgspec.DecodeError, RecursionError) as cause:
        raise OAuthError("invalid_request") from cause


_GRANTS: dict[str, Callable[[Context, Door, Client, Mapping[str, str]], Awaitable[idp.AuthenticationResultType]]] = {
    "authorization_code": _authorization_code,
    "refresh_token": _refresh_token,
    "client_credentials": _client_credentials,
}
