"""Tokens renewed by a refresh token: plainly, or with rotation, where a token that comes back after its grace ends the session.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-refresh-token.html
"""

from __future__ import annotations

from collections.abc import Mapping

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.kernel.events import RefreshTokenReused, TokenRefreshed
from cognomen.storage.clients import Client
from cognomen.storage.engine import Tx
from cognomen.storage.pools import Pool
from cognomen.storage.sessions import Session
from cognomen.storage.users import User
from cognomen.tokens import refresh as refresh_tokens
from cognomen.userpools import client_auth, device_tracking, issue, tracking
from cognomen.userpools.auth.steps import required
from cognomen.userpools.hooks.ask import Occasion

_SOURCE = "RefreshTokens"


async def by_auth_flow(cx: Context, pool: Pool, client: Client, parameters: Mapping[str, str]) -> idp.AuthenticationResultType:
    """REFRESH_TOKEN_AUTH: new id and access tokens. Refused where the client rotates refresh tokens (FIDELITY B.1.9)."""
    token = required(parameters, "REFRESH_TOKEN")
    if client.secrets and not parameters.get("SECRET_HASH"):
        client_auth.check_secret_hash(cx, client, None)
    if rotates(client):
        raise errors.NotAuthorizedException("Refresh token rotation is enabled for this client: use GetTokensFromRefreshToken.")
    try:
        session, user = await _session(cx, pool, client, _digest(token), parameters.get("DEVICE_KEY"))
    except errors.RefreshTokenReuseException as cause:  # rotated once, when the client still did so; InitiateAuth has no such error
        raise _revoked() from cause
    # There is no user name in the request: clients hash the one they know, of the user or the sub.
    client_auth.check_secret_hash(cx, client, parameters.get("SECRET_HASH"), user.username, user.sub)
    return await _renewed(cx, pool, client, session, user, Occasion(_SOURCE, client.client_id))


async def with_rotation(
    cx: Context, pool: Pool, client: Client, token: str, device_key: str | None, metadata: Mapping[str, str] | None
) -> idp.AuthenticationResultType:
    """GetTokensFromRefreshToken: as above, and a new refresh token where the client rotates them."""
    used = _digest(token)
    session, user = await _session(cx, pool, client, used, device_key)
    occasion = Occasion(_SOURCE, client.client_id, metadata)
    if not rotates(client):
        return await _renewed(cx, pool, client, session, user, occasion)
    keys = await cx.keys.for_pool(pool.pool_id)
    successor = refresh_tokens.make(keys.id_key.public, cx.clock.now())
    # A function that refuses, refuses before the old token is spent.
    made = await issue.claims_of(cx, pool, client, user, session, occasion)
    await _rotate(cx, pool, client, session, used, successor.digest)
    result = await issue.tokens(cx, pool, client, made, refresh_token=successor.token)
    _tell(cx, client, user, rotated=True)
    return result


async def _renewed(
    cx: Context, pool: Pool, client: Client, session: Session, user: User, occasion: Occasion
) -> idp.AuthenticationResultType:
    activity = tracking.activity(cx, pool, session)
    if activity is not None and not await cx.store.write(lambda tx: cx.store.sessions.touch(tx, session, activity)):
        raise _revoked()
    result = await issue.tokens(cx, pool, client, await issue.claims_of(cx, pool, client, user, session, occasion))
    _tell(cx, client, user, rotated=False)
    return result


def rotates(client: Client) -> bool:
    rotation = client.settings.refresh_token_rotation
    return rotation is not None and rotation.feature == "ENABLED"


async def _rotate(cx: Context, pool: Pool, client: Client, session: Session, old: bytes, new: bytes) -> None:
    """The new token continues the session. Within its grace an old one may be rotated once more, after it nothing is.

    Two requests with the same token at the same moment: the second finds the first's mark, and lives by the grace alone.
    """
    rotation = client.settings.refresh_token_rotation
    grace = (rotation.retry_grace_period_seconds if rotation else None) or 0
    now = cx.clock.now()
    activity = tracking.activity(cx, pool, session)

    async def unit(tx: Tx) -> bool:
        present = await cx.store.sessions.get(session.pool_id, session.sub, session.origin_jti, tx)
        if present is None or present.revoked_at is not None:
            raise _revoked()
        replaced = await cx.store.sessions.rotated(session.pool_id, old, tx)
        if replaced is not None and replaced.grace_until <= now:
            return False
        await cx.store.sessions.rotate(tx, present, old, present.refresh_digest, new, now + grace)
        if activity is not None:
            await cx.store.sessions.touch(tx, session, activity)
        return True

    if not await cx.store.write(unit):
        await _end_reused(cx, client, session)


def _digest(token: str) -> bytes:
    digest = refresh_tokens.digest(token)
    if digest is None:
        raise _invalid()
    return digest


async def _session(cx: Context, pool: Pool, client: Client, digest: bytes, device_key: str | None) -> tuple[Session, User]:
    """The session that a refresh token continues, and its user. Raises NotAuthorizedException, RefreshTokenReuseException."""
    found = await cx.store.sessions.with_user_by_refresh_digest(pool.pool_id, digest)
    session, user = found or await _session_of_rotated(cx, pool, client, digest)
    if session.client_id != client.client_id or not await device_tracking.fits(cx, pool, session, device_key):
        raise _invalid()
    if session.revoked_at is not None:
        raise _revoked()
    if session.expires_at <= cx.clock.now():
        raise errors.NotAuthorizedException("Refresh Token has expired")
    if not user.enabled:
        raise errors.NotAuthorizedException("User is disabled.")
    return session, user


async def _session_of_rotated(cx: Context, pool: Pool, client: Client, digest: bytes) -> tuple[Session, User]:
    replaced = await cx.store.sessions.rotated(pool.pool_id, digest)
    found = await cx.store.sessions.with_user(pool.pool_id, replaced.sub, replaced.origin_jti) if replaced else None
    if replaced is None or found is None or found[0].client_id != client.client_id:
        raise _invalid()
    if replaced.grace_until <= cx.clock.now() and found[0].revoked_at is None:
        await _end_reused(cx, client, found[0])
    return found


async def _end_reused(cx: Context, client: Client, session: Session) -> None:
    """A token that was rotated away came back: whoever holds which of the two, the session ends. Survives the error, as a unit of its own."""
    now = cx.clock.now()
    await cx.store.write(lambda tx: cx.store.sessions.revoke(tx, session, now))
    cx.tell(RefreshTokenReused, session.pool_id, sub=session.sub, username="", client_id=client.client_id)
    raise errors.RefreshTokenReuseException("Refresh token reuse detected.")


def _invalid() -> errors.NotAuthorizedException:
    return errors.NotAuthorizedException("Invalid Refresh Token")


def _revoked() -> errors.NotAuthorizedException:
    return errors.NotAuthorizedException("Refresh Token has been revoked")


def _tell(cx: Context, client: Client, user: User, *, rotated: bool) -> None:
    cx.tell(TokenRefreshed, user.pool_id, sub=user.sub, username=user.username, client_id=client.client_id, rotated=rotated)
