"""What the sign-in machine, its flows and its challenges say to each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from cognomen.api import errors, idp
from cognomen.storage.clients import Client
from cognomen.storage.engine import Tx
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.tokens.claims import Strength

# In `Attempt.kept`: the device that the client named when it began, the one that the sign-in is on ("": one that is new), and for which
# authorization request a browser signs in.
NAMED_DEVICE, DEVICE, BROWSER = "named_device", "device", "browser"

Settle = Callable[[Tx], Awaitable[None]]


Ending = Callable[["Attempt", Settle, Strength | None, str | None], Awaitable[None]]


class Attempt(msgspec.Struct, kw_only=True):
    """One sign-in while one request carries it on.

    `typed` is the name that the user gave, `user` who that is (None: nobody). `factors` are the challenges passed so far.
    `failures` is the count of wrong passwords before this request, `mark` what makes the request's session or SECRET_BLOCK single-use.
    `kept` is what must be remembered until the next request: the session seals it. `settle` is written together with the success of this
    request: a code that must not be taken twice, a counter. `session` is the Session that InitiateAuth was given, of a sign-up that goes on.
    `context` is what the client says of its device and address, for threat protection. `done` is set once nothing more is to be asked.
    `ending`, where there is one, is what a sign-in through a browser ends with in place of tokens.
    `metadata` is the ClientMetadata of an answer to a challenge, which most functions see. InitiateAuth's is `validation`: only those that are
    asked before anything is proved see it. `migrated` is set once the UserMigration function was asked.
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
    kept: dict[str, str] = {}
    settle: tuple[Settle, ...] = ()
    session: str | None = None
    context: idp.UserContextDataType | idp.ContextDataType | None = None
    done: bool = False
    validation: Mapping[str, str] = {}
    migrated: bool = False
    ending: Ending | None = None

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
    """The client must answer this challenge. `with_session` is False for the one that carries its state itself (SECRET_BLOCK).

    `available` are the challenges among which the user may choose (USER_AUTH).
    """

    challenge: str
    parameters: dict[str, str]
    with_session: bool = True
    available: tuple[str, ...] = ()


class WrongPassword(Exception):
    """A factor that counts towards the lockout was not proved; the machine counts it and answers."""


class WrongAnswer(Exception):
    """A factor of another kind was not proved. Its challenge has counted that already; the client gets `error`, and may try again."""

    def __init__(self, error: errors.ServiceError) -> None:
        super().__init__(error.code)
        self.error = error


Step = Passed | Ask


def incorrect() -> errors.NotAuthorizedException:
    return errors.NotAuthorizedException("Incorrect username or password.")


def required(parameters: Mapping[str, str], name: str) -> str:
    value = parameters.get(name)
    if not value:
        raise errors.InvalidParameterException(f"Missing required parameter {name}")
    return value
