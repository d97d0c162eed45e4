"""What the sign-in machine, its flows and its challenges say to each other."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cognomen.api import errors
from cognomen.storage.clients import Client
from cognomen.storage.pools import Pool
from cognomen.storage.users import User


class Attempt(msgspec.Struct, kw_only=True):
    """One sign-in while one request carries it on.

    `typed` is the name that the user gave, `user` who that is (None: nobody). `factors` are the challenges passed so far.
    `failures` is the count of wrong passwords before this request, `mark` what makes the request's session or SECRET_BLOCK single-use.
    """

    pool: Pool
    client: Client
    flow: str
    typed: str
    user: User | None
    admin: bool
    parameters: Mapping[str, str]
    metadata: Mapping[str, str]
    factors: tuple[str, ...] = ()
    failures: int = 0
    mark: bytes | None = None

    @property
    def signed_in_user(self) -> User:
        """The user, once a factor has proved who it is."""
        if self.user is None:
            raise incorrect()
        return self.user

    @property
    def hides_users(self) -> bool:
        """PreventUserExistenceErrors: must nobody learn whether a user exists?"""
        return self.client.settings.prevent_user_existence_errors == "ENABLED"


class Passed(msgspec.Struct, frozen=True):
    """A factor was proved."""

    factor: str


class Ask(msgspec.Struct, frozen=True):
    """The client must answer this challenge. `with_session` is False for the one that carries its state itself (SECRET_BLOCK)."""

    challenge: str
    parameters: dict[str, str]
    with_session: bool = True


class WrongPassword(Exception):
    """A factor that counts towards the lockout was not proved; the machine counts it and answers."""


Step = Passed | Ask


def incorrect() -> errors.NotAuthorizedException:
    return errors.NotAuthorizedException("Incorrect username or password.")


def required(parameters: Mapping[str, str], name: str) -> str:
    value = parameters.get(name)
    if not value:
        raise errors.InvalidParameterException(f"Missing required parameter {name}")
    return value
