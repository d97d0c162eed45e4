"""Authenticator apps: a secret is given out, and is the user's second factor once a code has proved that the app has it.

With an access token a signed-in user sets one up; with a Session a user does so within a sign-in that requires one (MFA_SETUP).
"""

from __future__ import annotations

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel import chance
from cognomen.storage.engine import Tx, Unit
from cognomen.storage.errors import Missing
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools import access, find, totp
from cognomen.userpools.auth import mfa_setup, session
from cognomen.userpools.auth.session import SessionState
from cognomen.userpools.rules import factors

_WAITING = "software_token"  # in the session: the sealed secret that no code has proved yet


@op
async def associate_software_token(cx: Context, request: idp.AssociateSoftwareTokenRequest) -> idp.AssociateSoftwareTokenResponse:
    secret = totp.new_secret()
    if request.access_token is not None:
        _refuse_both(request.session)
        of = await access.of_whoever(cx, request.access_token)
        _refuse_switched_off(of.pool)
        sealed = totp.seal(cx, of.user, secret)
        try:
            await cx.store.write(lambda tx: _change(cx, tx, of.user, waiting=sealed))
        except Missing as cause:
            raise errors.NotAuthorizedException("Access Token has been revoked") from cause
        return idp.AssociateSoftwareTokenResponse(secret_code=secret)
    state, pool, user = await _in_sign_in(cx, request.session)
    _refuse_switched_off(pool)
    await cx.store.write(lambda tx: session.spend(cx, tx, pool.pool_id, state.mark))
    further = _renewed(cx, state, {_WAITING: totp.seal(cx, user, secret)})
    return idp.AssociateSoftwareTokenResponse(secret_code=secret, session=further)


@op
async def verify_software_token(cx: Context, request: idp.VerifySoftwareTokenRequest) -> idp.VerifySoftwareTokenResponse:
    name = (request.friendly_device_name or "")[:256]
    if request.access_token is not None:
        _refuse_both(request.session)
        of = await access.of(cx, request.access_token)
        waiting = factors.of(of.user).waiting
        step = _proved_step(cx, of.user, waiting, request.user_code)

        async def unit(tx: Tx) -> None:
            await totp.use(cx, tx, of.user, step)
            await _change(cx, tx, of.user, secret=waiting, waiting="", device_name=name)

        await _write(cx, unit)
        return idp.VerifySoftwareTokenResponse(status="SUCCESS")
    state, pool, user = await _in_sign_in(cx, request.session)
    waiting = state.kept.get(_WAITING, "")
    step = _proved_step(cx, user, waiting, request.user_code)

    async def unit_of_session(tx: Tx) -> None:
        await session.spend(cx, tx, pool.pool_id, state.mark)
        await totp.use(cx, tx, user, step)
        await _set_up_first(cx, tx, pool, user, secret=waiting, device_name=name)

    await _write(cx, unit_of_session)
    return idp.VerifySoftwareTokenResponse(status="SUCCESS", session=_renewed(cx, state, {mfa_setup.DONE: factors.SOFTWARE_TOKEN}))


@op
async def admin_delete_software_token(cx: Context, request: idp.AdminDeleteSoftwareTokenRequest) -> idp.AdminDeleteSoftwareTokenResponse:
    pool = await find.pool(cx, request.user_pool_id)
    user = await find.existing_user(cx, pool, request.username)

    def without(present: factors.Factors) -> factors.Factors:
        return msgspec.structs.replace(
            present,
            enabled=tuple(name for name in present.enabled if name != factors.SOFTWARE_TOKEN),
            preferred="" if present.preferred == factors.SOFTWARE_TOKEN else present.preferred,
            secret="",
            waiting="",
            device_name="",
        )

    def update(present: User) -> User:
        return factors.with_factors(present, without(factors.of(present)))

    await find.write(cx, lambda tx: cx.store.users.change(tx, user.pool_id, user.sub, update))
    return idp.AdminDeleteSoftwareTokenResponse()


async def _in_sign_in(cx: Context, text: str | None) -> tuple[SessionState, Pool, User]:
    """Whose sign-in stands at MFA_SETUP. Raises InvalidParameterException, NotAuthorizedException."""
    if text is None:
        raise errors.InvalidParameterException("Either AccessToken or Session must be given.")
    state = session.open_any(cx, text)
    pool, client = await find.client(cx, state.client_id)
    user = await cx.store.users.by_sub(pool.pool_id, state.sub)
    if state.challenge != mfa_setup.CHALLENGE or user is None or client.pool_id != state.pool_id:
        raise session.invalid()
    if not user.enabled:
        raise errors.NotAuthorizedException("User is disabled.")
    if user.status != "CONFIRMED":  # an administrator asks for another password, so this sign-in comes to nothing
        raise session.invalid()
    await session.refuse_outdated(cx, state, user)
    return state, pool, user


def _refuse_both(text: str | None) -> None:
    if text is not None:
        raise errors.InvalidParameterException("Only one of AccessToken and Session may be given.")


def _refuse_switched_off(pool: Pool) -> None:
    if factors.SOFTWARE_TOKEN not in factors.offered(pool):
        raise errors.SoftwareTokenMFANotFoundException("Software Token MFA has not been enabled by the userPool.")


def _renewed(cx: Context, state: SessionState, kept: dict[str, str]) -> str:
    """The session goes on under a new name, no longer than before: AWS rotates it at each of these steps (FIDELITY B.3.35)."""
    others = {name: value for name, value in state.kept.items() if name != _WAITING}
    return session.seal(cx, msgspec.structs.replace(state, mark=chance.draw(16), kept={**others, **kept}))


def _proved_step(cx: Context, user: User, sealed: str, code: str) -> int:
    step = totp.step_of(cx, totp.open_secret(cx, user, sealed), code)
    if step is None:
        raise errors.EnableSoftwareTokenMFAException("Code mismatch")
    return step


async def _set_up_first(cx: Context, tx: Tx, pool: Pool, user: User, *, secret: str, device_name: str) -> None:
    """A sign-in sets up a first factor, never a second: who knows only the password must not put theirs beside the user's."""

    def update(present: User) -> User:
        before = factors.of(present)
        # What the pool no longer offers, or the user has no address for, is no factor: else they could never sign in again.
        if before.secret or factors.active(pool, present, by_default=True):
            raise session.invalid()
        chosen = factors.SOFTWARE_TOKEN
        return factors.with_factors(
            present, msgspec.structs.replace(before, secret=secret, device_name=device_name, enabled=(chosen,), preferred=chosen)
        )

    await cx.store.users.change(tx, user.pool_id, user.sub, update)


async def _change(cx: Context, tx: Tx, user: User, **changes: str) -> None:
    def update(present: User) -> User:
        return factors.with_factors(present, msgspec.structs.replace(factors.of(present), **changes))

    await cx.store.users.change(tx, user.pool_id, user.sub, update)


async def _write(cx: Context, unit: Unit[None]) -> None:
    """A code that was used before has no error of its own among those of VerifySoftwareToken."""
    try:
        await find.write(cx, unit)
    except errors.ExpiredCodeException as cause:
        raise errors.EnableSoftwareTokenMFAException("Your software token has already been used once.") from cause
