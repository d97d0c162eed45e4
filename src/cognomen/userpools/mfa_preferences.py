"""Which second factors a user has switched on and prefers: set by the user or an administrator, and shown with what USER_AUTH offers."""

from __future__ import annotations

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools import access, find
from cognomen.userpools.rules import factors
from cognomen.userpools.rules.factors import Factors


@op
async def set_user_mfa_preference(cx: Context, request: idp.SetUserMFAPreferenceRequest) -> idp.SetUserMFAPreferenceResponse:
    of = await access.of(cx, request.access_token)
    await _set(cx, of.pool, of.user, request)
    return idp.SetUserMFAPreferenceResponse()


@op
async def admin_set_user_mfa_preference(
    cx: Context, request: idp.AdminSetUserMFAPreferenceRequest
) -> idp.AdminSetUserMFAPreferenceResponse:
    pool = await find.pool(cx, request.user_pool_id)
    await _set(cx, pool, await find.existing_user(cx, pool, request.username), request)
    return idp.AdminSetUserMFAPreferenceResponse()


async def _set(
    cx: Context, pool: Pool, user: User, request: idp.SetUserMFAPreferenceRequest | idp.AdminSetUserMFAPreferenceRequest
) -> None:
    def update(present: User) -> User:
        return factors.with_factors(present, _with_preferences(pool, present, request))

    await find.write(cx, lambda tx: cx.store.users.change(tx, user.pool_id, user.sub, update))


def _with_preferences(pool: Pool, user: User, request: idp.SetUserMFAPreferenceRequest | idp.AdminSetUserMFAPreferenceRequest) -> Factors:
    """Settings that the request leaves out stay as they are. Raises InvalidParameterException."""
    before = factors.of(user)
    enabled, preferred = list(before.enabled), before.preferred
    named: list[str] = []
    settings = (
        (factors.SMS, request.sms_mfa_settings),
        (factors.EMAIL, request.email_mfa_settings),
        (factors.SOFTWARE_TOKEN, request.software_token_mfa_settings),
    )
    for challenge, setting in settings:
        if setting is None:
            continue
        enabled = [name for name in enabled if name != challenge]
        if setting.enabled:
            _refuse_not_set_up(pool, user, challenge)
            enabled.append(challenge)
        elif setting.preferred_mfa:
            raise errors.InvalidParameterException("An MFA method must be enabled to be preferred.")
        elif preferred == challenge:
            preferred = ""
        if setting.preferred_mfa:
            named.append(challenge)
        elif setting.preferred_mfa is False and preferred == challenge:
            preferred = ""
    if len(named) > 1:
        raise errors.InvalidParameterException("Only one MFA method can be preferred.")
    passkeys = request.web_authn_mfa_settings
    by_passkey = before.passkey_mfa if passkeys is None else bool(passkeys.enabled)
    if by_passkey and passkeys is not None:
        _refuse_passkey_alone(pool, enabled)
    return msgspec.structs.replace(
        before,
        enabled=tuple(enabled),
        preferred=named[0] if named else preferred,
        passkey_mfa=by_passkey,
        by_settings=before.by_settings and factors.SMS in enabled,
    )


def _refuse_not_set_up(pool: Pool, user: User, challenge: str) -> None:
    """One text for both: the pool does not offer it, or the user has nothing to be asked by."""
    if challenge not in factors.offered(pool) or not factors.is_set_up(user, challenge):
        raise errors.InvalidParameterException(f"User does not have delivery config set to turn on {challenge}")


def _refuse_passkey_alone(pool: Pool, enabled: list[str]) -> None:
    configured = pool.settings.mfa.web_authn_configuration
    if configured is None or configured.factor_configuration != "MULTI_FACTOR_WITH_USER_VERIFICATION":
        raise errors.InvalidParameterException("Passkey MFA needs a FactorConfiguration of MULTI_FACTOR_WITH_USER_VERIFICATION.")
    if not enabled:
        raise errors.InvalidParameterException("Passkey MFA needs at least one other MFA method of the user.")


@op
async def set_user_settings(cx: Context, request: idp.SetUserSettingsRequest) -> idp.SetUserSettingsResponse:
    of = await access.of(cx, request.access_token)
    await _set_old(cx, of.user, request.mfa_options)
    return idp.SetUserSettingsResponse()


@op
async def admin_set_user_settings(cx: Context, request: idp.AdminSetUserSettingsRequest) -> idp.AdminSetUserSettingsResponse:
    pool = await find.pool(cx, request.user_pool_id)
    await _set_old(cx, await find.existing_user(cx, pool, request.username), request.mfa_options)
    return idp.AdminSetUserSettingsResponse()


async def _set_old(cx: Context, user: User, options: list[idp.MFAOptionType]) -> None:
    """The old way, which knows text messages only: an option switches them on, an empty list off."""
    for option in options:
        if option.delivery_medium not in (None, "SMS") or option.attribute_name not in (None, "phone_number"):
            raise errors.InvalidParameterException("Only the delivery medium SMS with the attribute phone_number can be set.")

    def update(present: User) -> User:
        before = factors.of(present)
        others = tuple(name for name in before.enabled if name != factors.SMS)
        if not options:
            kept = "" if before.preferred == factors.SMS else before.preferred
            return factors.with_factors(present, msgspec.structs.replace(before, enabled=others, preferred=kept, by_settings=False))
        if not factors.is_set_up(present, factors.SMS):
            raise errors.InvalidParameterException(f"User does not have delivery config set to turn on {factors.SMS}")
        return factors.with_factors(present, msgspec.structs.replace(before, enabled=(*others, factors.SMS), by_settings=True))

    await find.write(cx, lambda tx: cx.store.users.change(tx, user.pool_id, user.sub, update))
