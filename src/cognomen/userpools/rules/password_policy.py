"""A pool's password policy: length and kinds of characters.

https://docs.aws.amazon.com/cognito/latest/developerguide/managing-users-passwords.html names the symbols.
"""

from __future__ import annotations

import string

from cognomen.api import errors, idp
from cognomen.kernel import ids
from cognomen.storage.pools import Pool

SYMBOLS = frozenset("^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- ")
_MOST = 256
DEFAULT = idp.PasswordPolicyType(
    minimum_length=8,
    require_uppercase=True,
    require_lowercase=True,
    require_numbers=True,
    require_symbols=True,
    temporary_password_validity_days=7,
)


def of(pool: Pool) -> idp.PasswordPolicyType:
    policies = pool.settings.pool.policies
    return (policies.password_policy if policies else None) or DEFAULT


def check(policy: idp.PasswordPolicyType, password: str) -> None:
    """Raises InvalidPasswordException with AWS's text for the first rule that the password breaks (FIDELITY B.4.45)."""
    if len(password) < (policy.minimum_length or 6):
        raise _refused("Password not long enough")
    if len(password) > _MOST:
        raise _refused("Password must not be longer than 256 characters")
    characters = set(password)
    if policy.require_lowercase and not characters & set(string.ascii_lowercase):
        raise _refused("Password must have lowercase characters")
    if policy.require_uppercase and not characters & set(string.ascii_uppercase):
        raise _refused("Password must have uppercase characters")
    if policy.require_numbers and not characters & set(string.digits):
        raise _refused("Password must have numeric characters")
    if policy.require_symbols and not characters & SYMBOLS:
        raise _refused("Password must have symbol characters")


def generate(policy: idp.PasswordPolicyType) -> str:
    """A temporary password that the policy accepts."""
    return ids.temporary_password(max(policy.minimum_length or 0, 12))


def _refused(why: str) -> errors.InvalidPasswordException:
    return errors.InvalidPasswordException(f"Password did not conform with policy: {why}")
