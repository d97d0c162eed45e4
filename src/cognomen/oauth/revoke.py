"""The revocation endpoint (RFC 7009): a refresh token ends with the session that it continues.

https://docs.aws.amazon.com/cognito/latest/developerguide/revocation-endpoint.html
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.oauth import answers, client_credentials, parameters
from cognomen.oauth.doors import Door
from cognomen.oauth.errors import OAuthError
from cognomen.userpools import token_operations

_CODES = {
    "UnsupportedTokenTypeException": "unsupported_token_type",
    "UnsupportedOperationException": "invalid_request",
    "UnauthorizedException": "invalid_client",
}


async def revoke(cx: Context, at: Door, request: Request) -> Response:
    form = await parameters.of_form(request)
    if "token" not in form:
        raise OAuthError("invalid_request")
    client, secret = await client_credentials.client_of(cx, at, request, form)
    try:
        await token_operations.revoke_token(
            cx, idp.RevokeTokenRequest(token=form["token"], client_id=client.client_id, client_secret=secret)
        )
    except errors.ServiceError as error:
        raise OAuthError(_CODES.get(error.code, "invalid_request"), error.message) from error
    return answers.tokens({})
