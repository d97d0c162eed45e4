"""By which contact a forgotten password is recovered (AccountRecoverySetting).

https://docs.aws.amazon.com/cognito/latest/developerguide/managing-users-passwords.html ("Resetting passwords"). Where nothing is set, the
phone number is tried before the email, as AWS did before the setting existed.
"""

from __future__ import annotations

from typing import NamedTuple

from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools.rules import factors

_ATTRIBUTE = {"verified_email": "email", "verified_phone_number": "phone_number"}


class Contact(NamedTuple):
    attribute: str
    value: str


def only_by_admin(pool: Pool) -> bool:
    return _order(pool) == []


def contact(pool: Pool, user: User, *, by_admin: bool = False) -> Contact | None:
    """The verified contact that comes first in the pool's order; an administrator may reset where users may not.

    Where the pool sets an order, a channel that is the user's second factor is passed over: one stolen phone would be both factors.
    """
    attributes = user.attributes
    unordered = pool.settings.pool.account_recovery_setting is None
    for attribute in _order(pool) or (["email", "phone_number"] if by_admin else []):
        verified = attributes.get(attribute) and attributes.get(f"{attribute}_verified") == "true"
        if verified and (unordered or factors.recovers(user, attribute)):
            return Contact(attribute, attributes[attribute])
    return None


def _order(pool: Pool) -> list[str]:
    """Attributes in order of priority; empty where only an administrator may reset."""
    setting = pool.settings.pool.account_recovery_setting
    if setting is None or not setting.recovery_mechanisms:
        return ["phone_number", "email"]
    mechanisms = sorted(setting.recovery_mechanisms, key=lambda option: option.priority)
    return [_ATTRIBUTE[option.name] for option in mechanisms if option.name in _ATTRIBUTE]
