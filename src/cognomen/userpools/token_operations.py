"""Tokens after the sign-in: renewed, and revoked one session or all at a time."""

from __future__ import annotations

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel.events import TokenRevoked
from cognomen.storage.engine import Tx
from cognomen.storage.pools import Pool
from cognomen.storage.sessions import Session
from cognomen.storage.users import User
from cognomen.tokens import refresh as refresh_tokens
from cognomen.userpools import access, client_auth, find, refresh


@op
async def get_tokens_from_refresh_token(
    cx: Context, request: idp.GetTokensFromRefreshTokenRequest
) -> idp.GetTokensFromRefreshTokenResponse:
    pool, client = await find.client(cx, request.client_id)
    if not client_auth.secret_fits(cx, client, request.client_secret):
        raise errors.NotAuthorizedException(f"Unable to verify secret for client {client.client_id}")
    result = await refresh.with_rotation(cx, pool, client, request.refresh_token, request.device_key, request.client_metadata)
    return idp.GetTokensFromRefreshTokenResponse(authentication_result=result)


@op
async def revoke_token(cx: Context, request: idp.RevokeTokenRequest) -> idp.RevokeTokenResponse:
    try:
        pool, client = await find.client(cx, request.client_id)
    except errors.ResourceNotFoundException as cause:
        raise errors.UnauthorizedException("Invalid client.") from cause
    if not client_auth.secret_fits(cx, client, request.client_secret):
        raise errors.UnauthorizedException("Invalid client credentials.")
    if client.settings.enable_token_revocation is False:
        raise errors.UnsupportedOperationException("Revoke token is not enabled for this client.")
    if request.token.count(".") == 2:  # a JWT: an access or id token
        raise errors.UnsupportedTokenTypeException("Only refresh tokens can be revoked.")
    session = await _session_of(cx, pool, request.token)
    if session is None:
        return idp.RevokeTokenResponse()  # RFC 7009, 2.2: an unknown token is as good as revoked
    if session.client_id != client.client_id:
        raise errors.UnauthorizedException("The token was issued to another client.")
    kept, now = session, cx.clock.now()
    parent = session.origin_session_id if request.revoke_associated_sessions == "LINKED" and pool.settings.sessions.tracking else None

    async def unit(tx: Tx) -> None:
        await cx.store.sessions.revoke(tx, kept, now)
        if parent is not None:
            await cx.store.sso_sessions.remove(tx, pool.pool_id, parent)

    await cx.store.write(unit)
    cx.tell(TokenRevoked, pool.pool_id, sub=session.sub, username="", client_id=client.client_id)
    return idp.RevokeTokenResponse()


async def _session_of(cx: Context, pool: Pool, refresh_token: str) -> Session | None:
    """By its current refresh token or one that was rotated away."""
    digest = refresh_tokens.digest(refresh_token)
    if digest is None:
        return None
    session = await cx.store.sessions.by_refresh_digest(pool.pool_id, digest)
    if session is not None:
        return session
    replaced = await cx.store.sessions.rotated(pool.pool_id, digest)
    return await cx.store.sessions.get(pool.pool_id, replaced.sub, replaced.origin_jti) if replaced else None


@op
async def global_sign_out(cx: Context, request: idp.GlobalSignOutRequest) -> idp.GlobalSignOutResponse:
    try:
        of = await access.of(cx, request.access_token)
        await sign_out(cx, of.user)
    except errors.UserNotFoundException as cause:  # deleted since; this operation's model has no such error
        raise errors.NotAuthorizedException("Access Token has been revoked") from cause
    return idp.GlobalSignOutResponse()


@op
async def admin_user_global_sign_out(cx: Context, request: idp.AdminUserGlobalSignOutRequest) -> idp.AdminUserGlobalSignOutResponse:
    pool = await find.pool(cx, request.user_pool_id)
    await sign_out(cx, await find.existing_user(cx, pool, request.username))
    return idp.AdminUserGlobalSignOutResponse()


async def sign_out(cx: Context, user: User) -> None:
    """Every session of the user ends, with its refresh and access tokens. Raises UserNotFoundException."""
    now = cx.clock.now()

    async def unit(tx: Tx) -> None:
        await cx.store.users.change(tx, user.pool_id, user.sub, lambda present: msgspec.structs.replace(present, signed_out_at=now))
        await cx.store.sessions.revoke_all(tx, user.pool_id, user.sub, now)
        await cx.store.sso_sessions.remove_all(tx, user.pool_id, user.sub)

    await find.write(cx, unit)
    cx.tell(TokenRevoked, user.pool_id, sub=user.sub, username=user.username, everywhere=True)
