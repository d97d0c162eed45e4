"""By what a user may begin a choice-based sign-in (USER_AUTH), and what they have set up.

https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-selection-sdk.html
"""

from __future__ import annotations

from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools.rules import factors

PASSWORD, PASSWORD_SRP, EMAIL_OTP, SMS_OTP, WEB_AUTHN = "PASSWORD", "PASSWORD_SRP", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"
ADDRESS = {EMAIL_OTP: "email", SMS_OTP: "phone_number"}


def allowed(pool: Pool) -> list[str]:
    """The pool's AllowedFirstAuthFactors."""
    policy = pool.settings.pool.policies and pool.settings.pool.policies.sign_in_policy
    return (policy and policy.allowed_first_auth_factors) or [PASSWORD]


def without_password(pool: Pool) -> bool:
    """May there be users without a password in this pool?"""
    return any(factor in ADDRESS for factor in allowed(pool))


def offered(pool: Pool, user: User | None, *, has_passkey: bool) -> list[str]:
    """AvailableChallenges. Of somebody who does not exist: what a user might have (FIDELITY B.3.33)."""
    by_pool = allowed(pool)
    passwords = [PASSWORD_SRP, PASSWORD] if PASSWORD in by_pool else []
    if user is None:
        return [*passwords, *(factor for factor in (EMAIL_OTP, SMS_OTP) if factor in by_pool)]
    found = passwords if user.credential is not None else []
    if user.status == "FORCE_CHANGE_PASSWORD":  # FIDELITY B.3.32
        return found
    second = bool(factors.active(pool, user, by_default=False)) or pool.settings.pool.mfa_configuration == "ON"
    if not second:  # a code alone would stand where the user's account asks for two factors
        found = [*found, *(factor for factor in (EMAIL_OTP, SMS_OTP) if factor in by_pool and is_reached(user, factor))]
    if WEB_AUTHN in by_pool and has_passkey and (not second or factors.of(user).passkey_mfa):
        found = [*found, WEB_AUTHN]
    return found


def is_reached(user: User, factor: str) -> bool:
    """Has the user a verified address for such codes?"""
    present = user.attributes
    return bool(present.get(ADDRESS[factor])) and present.get(f"{ADDRESS[factor]}_verified") == "true"


def configured(pool: Pool, user: User, *, has_passkey: bool) -> list[str]:
    """ConfiguredUserAuthFactors: what the user could prove in this pool, as a first factor or a second."""
    by_pool = allowed(pool)
    seconds = factors.offered(pool)
    found = [PASSWORD] if user.credential is not None and PASSWORD in by_pool else []
    for factor, second in ((EMAIL_OTP, factors.EMAIL), (SMS_OTP, factors.SMS)):
        first = factor in by_pool and is_reached(user, factor)
        if first or (second in seconds and factors.is_set_up(user, second)):
            found.append(factor)
    if has_passkey and WEB_AUTHN in by_pool:
        found.append(WEB_AUTHN)
    if factors.SOFTWARE_TOKEN in seconds and factors.is_set_up(user, factors.SOFTWARE_TOKEN):
        found.append("SOFTWARE_TOKEN")
    return found
