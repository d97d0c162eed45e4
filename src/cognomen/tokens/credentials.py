"""Temporary credentials: keys that any node verifies without having kept them. The secret is derived from the key's id, the session token is
sealed and bound to it, so neither is of use with another.

Source of the forms: https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from cognomen.kernel.clock import Clock
from cognomen.kernel.secrets import Sealer, Unsealable

PREFIX: Final = "ASIA"
SHORTEST: Final = 900
LONGEST: Final = 43_200
_TOKEN: Final = "session token"
_SECRET: Final = "temporary secret"
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
LONGEST_TOKEN: Final = 32_768


class BadToken(Exception):
    """No session token of this server, or not this key's."""


class Expired(Exception):
    """It was one, once."""


class Revoked(Exception):
    """Its role's sessions of that time were revoked."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the credentials stand for. `context` are keys of the request that the role was assumed with (`cognito-identity.amazonaws.com:sub`),
    `tags` the session's principal tags, `policies` documents that limit it; `guest` adds what guests may do at the most,
    `transitive` are the keys of tags that pass on to a role assumed from this one. Times in epoch seconds."""

    role_arn: str
    role_id: str
    name: str
    issued_at: float
    expires_at: float
    principal: dict[str, str] = {}
    context: dict[str, list[str]] = {}
    tags: dict[str, str] = {}
    policies: list[str] = []
    policy_arns: list[str] = []
    guest: bool = False
    transitive: list[str] = []
    padding: str = ""

    @property
    def account(self) -> str:
        return self.role_arn.split(":")[4]

    @property
    def arn(self) -> str:
        """The session's own ARN: arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION; a role's path is not part of it."""
        partition = self.role_arn.split(":")[1]
        return f"arn:{partition}:sts::{self.account}:assumed-role/{self.role_arn.rpartition('/')[2]}/{self.name}"

    @property
    def user_id(self) -> str:
        """`aws:userid`: the role's id and the session's name."""
        return f"{self.role_id}:{self.name}"


class Credentials(msgspec.Struct, frozen=True):
    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: float
    session: Session


def issue(
    sealer: Sealer,
    clock: Clock,
    *,
    role_arn: str,
    session_name: str,
    role_id: str = "",
    principal: Mapping[str, str] | None = None,
    context: Mapping[str, Sequence[str]] | None = None,
    tags: Mapping[str, str] | None = None,
    duration: int = 3600,
    session_policies: Sequence[str] = (),
    policy_arns: Sequence[str] = (),
    guest: bool = False,
    transitive: Sequence[str] = (),
    least_size: int = 0,
) -> Credentials:
    """New credentials of a role for `duration` seconds, with a token of `least_size` characters at least. Nothing is stored."""
    now = clock.now()
    session = Session(
        role_arn=role_arn,
        role_id=role_id,
        name=session_name,
        issued_at=now,
        expires_at=float(int(now) + duration),
        principal=dict(principal or {}),
        context={key: list(values) for key, values in (context or {}).items()},
        tags=dict(tags or {}),
        policies=list(session_policies),
        policy_arns=list(policy_arns),
        guest=guest,
        transitive=list(transitive),
    )
    key_id = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(16))
    token = sealer.seal_text(_TOKEN, msgspec.msgpack.encode(session), key_id.encode())
    if len(token) < least_size:
        padded = msgspec.structs.replace(session, padding="-" * (least_size - len(token)))
        token = sealer.seal_text(_TOKEN, msgspec.msgpack.encode(padded), key_id.encode())
    return Credentials(key_id, secret_of(sealer, key_id), token, session.expires_at, session)


def secret_of(sealer: Sealer, access_key_id: str) -> str:
    """The 40 characters that belong to a temporary key."""
    return base64.b64encode(sealer.mac(_SECRET, access_key_id.encode("utf-8", "surrogateescape"))[:30]).decode()


def open_token(sealer: Sealer, clock: Clock, access_key_id: str, session_token: str, *, revoked_before: float = 0.0) -> Session:
    """The session of a key and its token. What was issued before `revoked_before` counts no more. Raises BadToken, Expired, Revoked."""
    if not access_key_id.startswith(PREFIX) or len(session_token) > LONGEST_TOKEN:
        raise BadToken
    try:
        opened = sealer.open_text(_TOKEN, session_token, access_key_id.encode("utf-8", "surrogateescape"))
        session = msgspec.msgpack.decode(opened, type=Session)
    except (Unsealable, msgspec.DecodeError, UnicodeEncodeError) as cause:
        raise BadToken from cause
    if clock.now() >= session.expires_at:
        raise Expired
    check_revoked(session, revoked_before)
    return session


def check_revoked(session: Session, revoked_before: float) -> None:
    """Raises Revoked."""
    if session.issued_at < revoked_before:
        raise Revoked
