"""Which names lead to a user: user names, and the email, phone number or preferred user name that a pool lets stand for one.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html ("Customizing sign-in attributes")
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cognomen.api import errors
from cognomen.api.patterns import matcher
from cognomen.kernel import contacts
from cognomen.storage.pools import Pool

_LONGEST = 128
_fits = matcher(r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def fault(username: str) -> str | None:
    """What the model's UsernameType refuses, for names that do not come as one: of an imported row, or of a sign-in, whose parameters are
    texts (FIDELITY B.2.16)."""
    if not username:
        return "The user name is required."
    if len(username) > _LONGEST:
        return f"The user name is longer than {_LONGEST} characters."
    if not (username.isascii() and username.isalnum()) and not _fits(username):
        return "The user name has spaces or control characters."
    return None


def is_sub(value: str) -> bool:
    return _UUID.fullmatch(value) is not None


def case_counts(pool: Pool) -> bool:
    """Are `Anna` and `anna` two users? Pools made without UsernameConfiguration answer yes, as AWS's API does."""
    configured = pool.settings.pool.username_configuration
    return configured is None or configured.case_sensitive


def key(pool: Pool, name: str) -> str:
    """The form under which a user name or alias is kept and sought."""
    return name if case_counts(pool) else name.lower()


def username_attributes(pool: Pool) -> list[str]:
    """email and/or phone_number where users sign up with these instead of a user name; else empty."""
    return pool.settings.pool.username_attributes or []


def alias_attributes(pool: Pool) -> list[str]:
    return pool.settings.pool.alias_attributes or []


def naming_attributes(pool: Pool) -> list[str]:
    """All attributes whose values lead to a user."""
    return username_attributes(pool) or alias_attributes(pool)


def attribute_of(pool: Pool, name: str) -> str | None:
    """The attribute as whose value `name` may lead to a user of this pool, by its form."""
    allowed = naming_attributes(pool)
    if contacts.is_email(name):
        return "email" if "email" in allowed else None
    if contacts.is_phone_number(name):
        return "phone_number" if "phone_number" in allowed else None
    return "preferred_username" if "preferred_username" in allowed else None


def claims_alias(pool: Pool, attribute: str, attributes: Mapping[str, str], *, named: str | None) -> bool:
    """Do these attributes let their user own the value as an alias? An email or phone number must be verified first, but for the one that is
    the user's name in a pool with username attributes (`named`): a second one, unproved, would keep its real owner from signing up."""
    if attribute not in naming_attributes(pool) or not attributes.get(attribute):
        return False
    return attribute in (named, "preferred_username") or attributes.get(f"{attribute}_verified") == "true"


def check_sign_up(pool: Pool, given: Mapping[str, str]) -> None:
    """Raises InvalidParameterException for a preferred user name that would be an alias before anybody is there to own it.

    https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html: "The value cannot be provided during registration"
    """
    if "preferred_username" in given and "preferred_username" in alias_attributes(pool):
        raise errors.InvalidParameterException(
            "preferred_username cannot be provided at sign-up, since user pool is configured for it as alias."
        )


def of_new_user(pool: Pool, username: str, given: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The user name to keep and the attributes with what the name says. The name is empty where the pool uses the sub for one.

    Raises InvalidParameterException for a name that the pool's kind of names forbids (FIDELITY B.4.46).
    """
    named = dict(given)
    allowed = username_attributes(pool)
    if allowed:
        attribute = attribute_of(pool, username)
        if attribute is None:
            wanted = {"email": "an email", "phone_number": "a phone number"}
            text = f"{wanted[allowed[0]]}." if len(allowed) == 1 else "either an email or a phone number."
            raise errors.InvalidParameterException(f"Username should be {text}")
        if named.get(attribute) not in (None, "", username):
            raise errors.InvalidParameterException(
                f"User {attribute} should be empty or same as username, since username attribute is {attribute}"
            )
        named[attribute] = username
        return "", named
    aliases = alias_attributes(pool)
    if "email" in aliases and contacts.is_email(username):
        raise errors.InvalidParameterException("Username cannot be of email format, since user pool is configured for email alias.")
    if "phone_number" in aliases and contacts.is_phone_number(username):
        raise errors.InvalidParameterException(
            "Username cannot be of phone number format, since user pool is configured for phone number alias."
        )
    return username, named
