"""Sessions that a user has open, token sessions and single sign-on sessions alike, listed and revoked by the user or an administrator; and how
a pool and its clients keep sessions.
"""

from __future__ import annotations

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel import paging
from cognomen.kernel.events import TokenRevoked
from cognomen.storage.clients import Client
from cognomen.storage.engine import Tx
from cognomen.storage.pools import Pool, PoolSettings, SessionSettings
from cognomen.storage.sessions import Session
from cognomen.storage.sso_sessions import SsoSession
from cognomen.storage.users import User
from cognomen.userpools import access, clients, find, pages, pools
from cognomen.userpools.rules import pool_settings


@op
async def list_user_sessions(cx: Context, request: idp.ListUserSessionsRequest) -> idp.ListUserSessionsResponse:
    of = await access.of(cx, request.access_token)
    found = await _sessions(cx, "ListUserSessions", of.pool, of.user, request.next_token)
    current = of.claims.get("origin_jti")
    return idp.ListUserSessionsResponse(sessions=[_described(cx, session, current) for session in found])


@op
async def admin_list_user_sessions(cx: Context, request: idp.AdminListUserSessionsRequest) -> idp.AdminListUserSessionsResponse:
    pool = await find.pool(cx, request.user_pool_id)
    _refuse_untracked(pool)
    user = await find.existing_user(cx, pool, request.username)
    found = await _sessions(cx, "AdminListUserSessions", pool, user, request.next_token)
    return idp.AdminListUserSessionsResponse(sessions=[_described(cx, session, None) for session in found])


async def _sessions(cx: Context, operation: str, pool: Pool, user: User, token: str | None) -> list[Session | SsoSession]:
    """All of the user's live sessions, the one used last first: one page, since the limits per user (100 and 25) fill a page's 125. So no
    page token was ever given out, and none is taken."""
    _refuse_untracked(pool)
    pages.position(cx, paging.bound(operation, pool.pool_id, user.sub), token)
    now = cx.clock.now()
    token_sessions = await cx.store.sessions.tracked(pool.pool_id, user.sub, now)
    sso_sessions = await cx.store.sso_sessions.of_user(pool.pool_id, user.sub, now)
    return sorted([*token_sessions, *sso_sessions], key=lambda session: session.last_active_at or 0.0, reverse=True)


def _located(cx: Context, address: str | None) -> idp.SessionLocationType | None:
    """`LastLocation`; absent where there is no database of places, or it does not know this one."""
    place = cx.places.of(address or "")
    return idp.SessionLocationType(city=place.city or None, country=place.country) if place.country else None


def _described(cx: Context, session: Session | SsoSession, current: object) -> idp.SessionDescriptionType:
    """`current` is the origin_jti of who asks."""
    if isinstance(session, SsoSession):
        return idp.SessionDescriptionType(
            session_id=session.session_id,
            session_type="SSO",
            client_id=session.client_id,
            create_date=session.authenticated_at,
            last_active_date=session.last_active_at,
            device_type=session.device_type,
            last_ip_address=session.last_ip,
            last_location=_located(cx, session.last_ip),
            is_current_session=False,
        )
    return idp.SessionDescriptionType(
        session_id=session.session_id,
        session_type="TOKEN",
        client_id=session.client_id,
        create_date=session.auth_time,
        last_active_date=session.last_active_at,
        device_type=session.device_type,
        last_ip_address=session.last_ip,
        last_location=_located(cx, session.last_ip),
        origin_session_id=session.origin_session_id,
        is_current_session=current is not None and session.origin_jti == current,
    )


@op
async def revoke_user_session(cx: Context, request: idp.RevokeUserSessionRequest) -> idp.RevokeUserSessionResponse:
    of = await access.of(cx, request.access_token)
    _refuse_untracked(of.pool)
    linked = request.revoke_associated_sessions == "LINKED"
    await _revoke(cx, of.user, request.session_id, current=of.claims.get("origin_jti"), linked=linked)
    return idp.RevokeUserSessionResponse()


@op
async def admin_revoke_user_session(cx: Context, request: idp.AdminRevokeUserSessionRequest) -> idp.AdminRevokeUserSessionResponse:
    pool = await find.pool(cx, request.user_pool_id)
    _refuse_untracked(pool)
    user = await find.existing_user(cx, pool, request.username)
    await _revoke(cx, user, request.session_id, current=None, linked=request.revoke_associated_sessions == "LINKED")
    return idp.AdminRevokeUserSessionResponse()


async def _revoke(cx: Context, user: User, session_id: str, *, current: str | None, linked: bool) -> None:
    """Ends one of this user's sessions, with its refresh and access tokens; `linked` those too that it came through, or that came through it, but
    for the session that asks. Whose session another id is, is not told.

    Raises ResourceNotFoundException, and InvalidParameterException for the session that asks."""
    now = cx.clock.now()
    store = cx.store

    async def unit(tx: Tx) -> list[Session]:
        tokens = await store.sessions.tracked(user.pool_id, user.sub, now, tx)
        gone = [each for each in tokens if each.session_id == session_id]
        sso = [
            each.session_id for each in await store.sso_sessions.of_user(user.pool_id, user.sub, now, tx) if each.session_id == session_id
        ]
        if not gone and not sso:
            raise errors.ResourceNotFoundException("Session does not exist.")
        if any(each.origin_jti == current for each in gone):
            raise errors.InvalidParameterException("The current session cannot be revoked.")
        if linked:
            through = [each.origin_session_id for each in gone if each.origin_session_id is not None]
            gone += [each for each in tokens if each.origin_session_id in sso and each.origin_jti != current]
            sso += through
        for each in gone:
            await store.sessions.revoke(tx, each, now)
        for each_id in sso:
            await store.sso_sessions.remove(tx, user.pool_id, each_id)
        return gone

    for each in await store.write(unit):
        cx.tell(TokenRevoked, user.pool_id, sub=user.sub, username=user.username, client_id=each.client_id)


def _refuse_untracked(pool: Pool) -> None:
    if not pool.settings.sessions.tracking:
        raise errors.OperationNotEnabledException("Session tracking is not enabled for this user pool.")


@op
async def get_user_pool_session_configuration(
    cx: Context, request: idp.GetUserPoolSessionConfigurationRequest
) -> idp.GetUserPoolSessionConfigurationResponse:
    pool = await find.pool(cx, request.user_pool_id)
    return _of_pool(pool)


@op
async def set_user_pool_session_configuration(
    cx: Context, request: idp.SetUserPoolSessionConfigurationRequest
) -> idp.SetUserPoolSessionConfigurationResponse:
    """Replaces the whole. What clients configured stays, and waits while tracking is off."""
    await find.pool(cx, request.user_pool_id)
    asked = SessionSettings(request.user_session_tracking == "ENABLED", request.token_session.max_per_user)

    def update(present: PoolSettings) -> PoolSettings:
        _refuse_lite(present)
        return msgspec.structs.replace(present, sessions=asked)

    pool = await pools.change(cx, request.user_pool_id, update)
    return idp.SetUserPoolSessionConfigurationResponse(**msgspec.structs.asdict(_of_pool(pool)))


def _of_pool(pool: Pool) -> idp.GetUserPoolSessionConfigurationResponse:
    sessions = pool.settings.sessions
    return idp.GetUserPoolSessionConfigurationResponse(
        user_pool_id=pool.pool_id,
        user_session_tracking="ENABLED" if sessions.tracking else "DISABLED",
        token_session=idp.UserPoolTokenSessionConfigType(max_per_user=sessions.max_per_user),
    )


@op
async def get_user_pool_client_session_configuration(
    cx: Context, request: idp.GetUserPoolClientSessionConfigurationRequest
) -> idp.GetUserPoolClientSessionConfigurationResponse:
    _, client = await find.client_in(cx, request.user_pool_id, request.client_id)
    return _of_client(client)


@op
async def set_user_pool_client_session_configuration(
    cx: Context, request: idp.SetUserPoolClientSessionConfigurationRequest
) -> idp.SetUserPoolClientSessionConfigurationResponse:
    pool, _ = await find.client_in(cx, request.user_pool_id, request.client_id)
    _refuse_lite(pool.settings)
    _refuse_untracked(pool)

    def update(present: Client) -> Client:
        return msgspec.structs.replace(present, sso_minutes=request.sso_session.max_validity_minutes)

    client = await clients.change(cx, request.user_pool_id, request.client_id, update)
    return idp.SetUserPoolClientSessionConfigurationResponse(**msgspec.structs.asdict(_of_client(client)))


def _of_client(client: Client) -> idp.GetUserPoolClientSessionConfigurationResponse:
    return idp.GetUserPoolClientSessionConfigurationResponse(
        user_pool_id=client.pool_id,
        client_id=client.client_id,
        sso_session=idp.ClientSSOSessionConfigType(max_validity_minutes=client.sso_minutes),
    )


def _refuse_lite(settings: PoolSettings) -> None:
    if settings.pool.user_pool_tier == "LITE":
        raise pool_settings.not_in_lite("Session management")
