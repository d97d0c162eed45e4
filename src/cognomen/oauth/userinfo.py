"""The userinfo endpoint (OpenID Connect Core, 5.3): what the scopes of an access token show of its user, as texts.

https://docs.aws.amazon.com/cognito/latest/developerguide/userinfo-endpoint.html
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from cognomen.api import errors
from cognomen.context import Context
from cognomen.oauth import answers
from cognomen.oauth.doors import Door
from cognomen.oauth.errors import OAuthError
from cognomen.userpools import access
from cognomen.userpools.rules import permissions, scopes

_NOT_SHOWN = frozenset(("sub", "identities"))


async def userinfo(cx: Context, at: Door, request: Request) -> Response:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not given:
        return _challenge(OAuthError("invalid_request", "The access token is missing.", status=400))
    try:
        found = await access.of(cx, given.strip(), scopes.OPENID)
    except (errors.NotAuthorizedException, errors.UserNotFoundException):
        return _challenge(
            OAuthError("invalid_token", "Access token is expired, disabled, or deleted, or the user has globally signed out.", status=401)
        )
    if found.pool.pool_id != at.pool.pool_id:
        return _challenge(OAuthError("invalid_token", "The access token is of another user pool.", status=401))
    readable = scopes.shown(
        permissions.readable(found.client, found.pool.settings.pool.schema_attributes or []), str(found.claims.get("scope", ""))
    )
    user = found.user
    shown = {name: value for name, value in user.attributes.items() if name in readable and name not in _NOT_SHOWN}
    return answers.tokens({"sub": user.sub, **shown, "username": user.username})


def _challenge(error: OAuthError) -> Response:
    """RFC 6750, 3."""
    return answers.failed(error, {"www-authenticate": f'Bearer error="{error.code}", error_description="{error.description}"'})
