"""What users prove beside a password: what they set up and prefer, and which of it a sign-in asks for.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa.html
"""

from __future__ import annotations

import msgspec

from cognomen.api import idp
from cognomen.storage.pools import Pool
from cognomen.storage.users import User

SMS, EMAIL, SOFTWARE_TOKEN = "SMS_MFA", "EMAIL_OTP", "SOFTWARE_TOKEN_MFA"
ADDRESS = {SMS: "phone_number", EMAIL: "email"}


class Factors(msgspec.Struct, frozen=True, omit_defaults=True):
    """`enabled` and `preferred` are names of challenges. `secret` is the sealed secret of a software token that a code has proved, `waiting`
    of one that none has yet, `device_name` what the user calls the device that it is on. `passkey_mfa`: a passkey counts as both factors. `by_settings`: SMS was set by the old SetUserSettings."""

    enabled: tuple[str, ...] = ()
    preferred: str = ""
    secret: str = ""
    waiting: str = ""
    device_name: str = ""
    passkey_mfa: bool = False
    by_settings: bool = False


_decode = msgspec.json.Decoder(Factors).decode
_NONE = Factors()


def of(user: User) -> Factors:
    return _NONE if user.factors is None else _decode(user.factors)


def with_factors(user: User, factors: Factors) -> User:
    return msgspec.structs.replace(user, factors=None if factors == _NONE else msgspec.json.encode(factors).decode())


def setting_list(user: User) -> list[str] | None:
    """UserMFASettingList; absent, not empty, where nothing is set (FIDELITY B.3.36)."""
    return list(of(user).enabled) or None


def preferred(user: User) -> str | None:
    return of(user).preferred or None


def offered(pool: Pool) -> list[str]:
    """The second factors that the pool has switched on, in AWS's order."""
    mfa = pool.settings.mfa
    token = mfa.software_token_mfa_configuration
    present = ((SMS, mfa.sms_mfa_configuration), (EMAIL, mfa.email_mfa_configuration), (SOFTWARE_TOKEN, token and token.enabled))
    return [challenge for challenge, setting in present if setting]


def is_set_up(user: User, challenge: str) -> bool:
    """Can this user be asked for it: is there an address to send to, or a software token?"""
    if challenge == SOFTWARE_TOKEN:
        return bool(of(user).secret)
    return bool(user.attributes.get(ADDRESS[challenge]))


def active(pool: Pool, user: User, *, by_default: bool) -> list[str]:
    """The second factors of which a sign-in asks one: those that the user enabled; with `by_default` (MFA is required), where there is none
    of them, all that the user could be asked for."""
    possible = [challenge for challenge in offered(pool) if is_set_up(user, challenge)]
    enabled = of(user).enabled
    chosen = [challenge for challenge in possible if challenge in enabled]
    return chosen or (possible if by_default else [])


def recovers(user: User, attribute: str) -> bool:
    """A channel that is the user's second factor does not recover the password as well (AccountRecoverySettingType)."""
    return not any(challenge in of(user).enabled for challenge, channel in ADDRESS.items() if channel == attribute)


def old_options(user: User) -> list[idp.MFAOptionType] | None:
    """MFAOptions, which only the old operations set."""
    return [idp.MFAOptionType(delivery_medium="SMS", attribute_name="phone_number")] if of(user).by_settings else None
