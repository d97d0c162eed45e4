"""How strongly a user has signed in: AWS's four levels, the methods that reach them, and what a pool calls them.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-step-up-authentication.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cognomen.storage.pools import Pool
from cognomen.userpools.rules import pool_settings

PASSWORD, TOTP, SMS, EMAIL, PLATFORM, ROAMING = "pwd", "otp", "sms", "email_otp", "swk", "hwk"
_PASSKEYS = frozenset({PLATFORM, ROAMING})
_BY_CODE = frozenset({SMS, EMAIL})
_KNOWN = frozenset({PASSWORD, TOTP, SMS, EMAIL, PLATFORM, ROAMING})
# What a passed factor is called among the methods; a passkey's name depends on where it lives.
_OF_FACTOR = {
    "PASSWORD": PASSWORD,
    "PASSWORD_SRP": PASSWORD,
    "EMAIL_OTP": EMAIL,
    "EMAIL_MFA": EMAIL,
    "SMS_OTP": SMS,
    "SMS_MFA": SMS,
    "SOFTWARE_TOKEN_MFA": TOTP,
    "MFA_SETUP": TOTP,
}


def passkey(attachment: str | None) -> str:
    """A passkey's method, by its AuthenticatorAttachment: in the device itself, or one that is carried from device to device."""
    return ROAMING if attachment == "cross-platform" else PLATFORM


def methods(factors: Iterable[str], *, credited: Iterable[str] = (), with_passkey: str | None = None) -> tuple[str, ...]:
    """The methods of these factors, each once, after those that are `credited` from an earlier sign-in."""
    found = [name for name in credited if name in _KNOWN]
    for factor in factors:
        method = with_passkey if factor.startswith("WEB_AUTHN") else _OF_FACTOR.get(factor)
        if method is not None:
            found.append(method)
    return tuple(dict.fromkeys(found))


def level(reached: Iterable[str]) -> int:
    """The highest of the four levels that the methods satisfy; 0 for none."""
    have = set(reached)
    if {PASSWORD, TOTP} <= have:
        return 4
    if have & _PASSKEYS or (PASSWORD in have and have & _BY_CODE):
        return 3
    if have & _BY_CODE:
        return 2
    return 1 if PASSWORD in have else 0


def amr(reached: Sequence[str]) -> list[str]:
    """The claim: the methods, and `mfa` where there are two or more."""
    return [*reached, "mfa"] if len(reached) > 1 else list(reached)


def named(pool: Pool, of: int) -> str:
    return pool_settings.acr_levels(pool.settings.pool)[f"Level{of}"].acr_value


def wanted(pool: Pool, text: str) -> list[int]:
    """The levels that TARGET_ACR_VALUES names, in its order; what the pool does not know is not among them."""
    return [found for value in text.split() if (found := level_of(pool, value))]


def level_of(pool: Pool, value: str) -> int:
    """The level of a name; 0 for one that is none any more."""
    return next((number for number in range(1, 5) if named(pool, number) == value), 0)
