"""Operations asked on behalf of a page: their own validators and rules, and the proof of the client, whose pages these are."""

from __future__ import annotations

from typing import Any

from cognomen.api.operation import OPERATIONS
from cognomen.hosted.forms import Visit
from cognomen.userpools import client_auth

_SERVICE = "cognito-idp"


async def operation(of: Visit, name: str, **members: object) -> Any:
    """The operation's answer. Raises what it raises."""
    asked = OPERATIONS.by_name[_SERVICE, name]
    return await asked.handler(of.cx, asked.decode({member: value for member, value in members.items() if value is not None}))


async def of_client(of: Visit, name: str, username: str, **members: object) -> Any:
    """One that names a client and a user."""
    proof = client_auth.secret_hash(of.cx, of.client, username)
    return await operation(of, name, ClientId=of.client.client_id, Username=username, SecretHash=proof, **members)
