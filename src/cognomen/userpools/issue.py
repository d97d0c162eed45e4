"""The tokens that a sign-in ends with and a refresh renews: who the user is, for how long, signed by the pool's two keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.kernel import ids
from cognomen.kernel.events import TokenRevoked
from cognomen.storage.clients import Client
from cognomen.storage.engine import Tx
from cognomen.storage.groups import Group
from cognomen.storage.pools import Pool
from cognomen.storage.sessions import Session
from cognomen.storage.users import User
from cognomen.tokens import claims, issuer, jwt
from cognomen.tokens import refresh as refresh_tokens
from cognomen.tokens.keys import PoolKeys
from cognomen.userpools import device_tracking, tracking
from cognomen.userpools.federation import profiles
from cognomen.userpools.hooks import token_generation
from cognomen.userpools.hooks.ask import Occasion
from cognomen.userpools.rules import permissions, scopes, validity
from cognomen.userpools.rules.scopes import SELF as SCOPE


class Claims(NamedTuple):
    """`identity` is None where the scopes have no `openid`: then there is no id token."""

    access: dict[str, Any]
    identity: dict[str, Any] | None


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What a session keeps of how it began: `device` is the key of the one signed in on, `origin_jti` the session's id where it was settled
    beforehand, `strength` what its tokens say of how the user signed in, `sso_session` the single sign-on session that it came through.

    Of a sign-in `through_browser`: the scopes that the app asked for, when the user proved who they are (None: now), the nonce of the id token.
    A browser is told of no device."""

    device: str | None = None
    origin_jti: str | None = None
    strength: claims.Strength | None = None
    sso_session: str | None = None
    scope: str = SCOPE
    auth_time: float | None = None
    nonce: str | None = None
    through_browser: bool = False


async def sign_in(
    cx: Context,
    pool: Pool,
    client: Client,
    user: User,
    also: Callable[[Tx], Awaitable[None]],
    occasion: Occasion,
    origin: Origin,
) -> idp.AuthenticationResultType:
    """A new session's tokens. `also` runs in the unit that keeps the session; when it raises there is no session. In a pool that remembers
    devices, a sign-in without one is told the key of a new one."""
    keys = await cx.keys.for_pool(pool.pool_id)
    now = cx.clock.now()
    refresh_token = refresh_tokens.make(keys.id_key.public, now)
    tells_device = not origin.device and not origin.through_browser and device_tracking.remembers(pool)
    new_device = device_tracking.new(cx, pool, user) if tells_device else None
    session = Session(
        pool_id=pool.pool_id,
        origin_jti=origin.origin_jti or ids.uuid(),
        sub=user.sub,
        client_id=client.client_id,
        refresh_digest=refresh_token.digest,
        auth_time=now if origin.auth_time is None else origin.auth_time,
        expires_at=now + validity.refresh_seconds(client),
        revoked_at=None,
        scope=origin.scope,
        device_key=new_device.device_key if new_device else origin.device or None,
        origin_session_id=origin.sso_session,
        acr=msgspec.json.encode(origin.strength).decode() if origin.strength is not None else None,
    )
    limits = pool.settings.sessions
    if limits.tracking:
        session = tracking.begun(cx, session)

    # A function that refuses, refuses before there is a session.
    made = await claims_of(cx, pool, client, user, session, occasion, nonce=origin.nonce)

    async def unit(tx: Tx) -> list[Session]:
        await _refuse_outdated(cx, tx, user)
        await also(tx)
        gone = await tracking.make_room(cx, tx, session, limits.max_per_user) if limits.tracking else []
        await cx.store.sessions.add(tx, session)
        return gone

    # Signing and the durable write go on side by side: one keeps the processor busy, the other the disk. Tokens leave only after the write.
    signing = _sign(cx, keys, made)
    for gone in await cx.store.write(unit):
        cx.tell(TokenRevoked, pool.pool_id, sub=user.sub, username=user.username, client_id=gone.client_id)
    result = await _signed(client, signing, refresh_token.token)
    result.new_device_metadata = new_device
    return result


async def _refuse_outdated(cx: Context, tx: Tx, user: User) -> None:
    """Between the proof of a password and its tokens a function may run for seconds: whoever was signed out, disabled, deleted or given another
    password in that time gets no session that outlives it. Raises NotAuthorizedException."""
    present = await cx.store.users.standing(tx, user)
    if present is None or present.credential != user.credential:
        raise errors.NotAuthorizedException("Incorrect username or password.")
    if not present.enabled:
        raise errors.NotAuthorizedException("User is disabled.")
    if present.signed_out_at != user.signed_out_at:
        raise errors.NotAuthorizedException("Invalid session for the user.")


async def tokens(
    cx: Context, pool: Pool, client: Client, made: Claims, *, refresh_token: str | None = None
) -> idp.AuthenticationResultType:
    """Id and access token of a session that is there, by its claims, and the refresh token if there is a new one to hand out."""
    return await _signed(client, _sign(cx, await cx.keys.for_pool(pool.pool_id), made), refresh_token)


def _sign(cx: Context, keys: PoolKeys, made: Claims) -> jwt.Signing:
    access, identity = keys.access_key, keys.id_key
    first = (made.access, access.kid, access.private)
    if made.identity is None:
        return jwt.begin_signing(cx.signer, first)
    return jwt.begin_signing(cx.signer, first, (made.identity, identity.kid, identity.private))


async def _signed(client: Client, signing: jwt.Signing, refresh_token: str | None) -> idp.AuthenticationResultType:
    access_token, *id_token = await signing.tokens()
    return idp.AuthenticationResultType(
        access_token=access_token,
        expires_in=validity.access_seconds(client),
        token_type="Bearer",
        refresh_token=refresh_token,
        id_token=id_token[0] if id_token else None,
    )


async def claims_of(
    cx: Context, pool: Pool, client: Client, user: User, session: Session, occasion: Occasion, *, nonce: str | None = None
) -> Claims:
    """The claims of the tokens, as the pool's PreTokenGeneration function would have them. Raises what it raises."""
    subject = _subject(user, await cx.store.groups.of_user(pool.pool_id, user.sub) if user.in_groups else [])
    change = await token_generation.override(cx, pool, occasion, user, subject, session.scope)
    if change is not None:
        subject = token_generation.regrouped(subject, change)
    now = int(cx.clock.now())
    grant = claims.Grant(
        issuer=issuer_of(cx, pool),
        client_id=client.client_id,
        event_id=event_id(cx, pool.pool_id, session.origin_jti),
        auth_time=int(session.auth_time),
        issued_at=now,
        # A tracked session can be revoked by itself, so its tokens name it whatever the client says.
        origin_jti=None if client.settings.enable_token_revocation is False and session.session_id is None else session.origin_jti,
        strength=msgspec.json.decode(session.acr, type=claims.Strength) if session.acr is not None else None,
    )
    access = claims.access_claims(
        subject, grant, expires_at=now + validity.access_seconds(client), scope=session.scope, jti=ids.uuid(), device_key=session.device_key
    )
    identity = None
    if scopes.has_id_token(session.scope):
        readable = scopes.shown(permissions.readable(client, pool.settings.pool.schema_attributes or []), session.scope)
        identity = claims.id_claims(
            subject,
            grant,
            expires_at=now + validity.id_seconds(client),
            jti=ids.uuid(),
            readable=readable,
            identities=profiles.identities_claim(subject.attributes or {}),
            nonce=nonce,
        )
    if change is None:
        return Claims(access, identity)
    changed = Claims(
        token_generation.applied_to_access(access, change),
        token_generation.applied_to_id(identity, change) if identity is not None else None,
    )
    if not all(jwt.fits(each) for each in changed if each is not None):
        raise errors.InvalidLambdaResponseException("The claims of the lambda function output are too large for a token.")
    return changed


def event_id(cx: Context, pool_id: str, origin_jti: str) -> str:
    """The `event_id` of a session's tokens, which is that of its sign-in in the user's history; a refresh keeps it.

    https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-settings-adaptive-authentication.html
    """
    digits = cx.sealer.mac("event id", pool_id.encode(), origin_jti.encode()).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{'89ab'[int(digits[16], 16) % 4]}{digits[17:20]}-{digits[20:32]}"


def _subject(user: User, groups: list[Group]) -> claims.Subject:
    """Groups by precedence, the lowest number first and none last. A preferred role there is only if one group has the lowest precedence.

    https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-user-groups.html
    """
    if not groups:
        return claims.Subject(sub=user.sub, username=user.username, attributes=user.attributes)
    ordered = sorted(groups, key=lambda group: (group.precedence is None, group.precedence or 0, group.name))
    with_role = [group for group in ordered if group.role_arn]
    preferred = None
    if with_role:
        best = with_role[0].precedence
        roles_of_best = {group.role_arn for group in with_role if group.precedence == best}
        preferred = with_role[0].role_arn if len(roles_of_best) == 1 else None
    return claims.Subject(
        sub=user.sub,
        username=user.username,
        groups=[group.name for group in ordered],
        roles=list(dict.fromkeys(group.role_arn for group in with_role if group.role_arn)),
        preferred_role=preferred,
        attributes=user.attributes,
    )


def issuer_of(cx: Context, pool: Pool) -> str:
    """The `iss` of this pool's tokens; with AWS's own issuers, the form that IssuerConfiguration names."""
    configured = pool.settings.pool.issuer_configuration
    if pool.settings.issuer == "aws" and configured is not None and configured.type == "UPDATED":
        return f"https://issuer-cognito-idp.{pool.region}.amazonaws.com/{pool.pool_id}"
    return issuer.issuer_for(pool.settings.issuer, pool.pool_id, pool.region, cx.settings.public_url or None, cx.base_url)
