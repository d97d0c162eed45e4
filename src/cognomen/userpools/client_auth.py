"""How an app client proves itself: SECRET_HASH over the user name, or the secret itself. Any of its secrets will do."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence

from cognomen.api import errors
from cognomen.context import Context
from cognomen.kernel import secrets
from cognomen.storage.clients import Client, ClientSecret
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools import find

_PURPOSE = "client secret"
_LONGEST_NAMED = 110  # of a client id within a secret's id, which has 128 characters at most
Update = Callable[[Client], Client]


def seal_secret(cx: Context, pool_id: str, client_id: str, secret: str, beside: Sequence[ClientSecret] = ()) -> ClientSecret:
    """A secret to keep. Its id has AWS's form, `<client-id>--<epoch-create-time>`, and is not one of those `beside` it."""
    now = cx.clock.now()
    made, taken = int(now * 1000), {each.secret_id for each in beside}
    while (secret_id := f"{client_id[:_LONGEST_NAMED]}--{made}") in taken:
        made += 1
    return ClientSecret(secret_id=secret_id, sealed=cx.sealer.seal(_PURPOSE, secret.encode(), _bound(pool_id, client_id)), created_at=now)


def open_secret(cx: Context, client: Client, secret: ClientSecret) -> str:
    return cx.sealer.open(_PURPOSE, secret.sealed, _bound(client.pool_id, client.client_id)).decode()


def check_secret_hash(cx: Context, client: Client, secret_hash: str | None, *usernames: str) -> None:
    """The hash must be of one of `usernames` (what was typed, and later the user's own name) by one of the client's secrets.

    Raises NotAuthorizedException. A client without a secret needs none; one that is sent all the same is refused, as AWS does.
    """
    if not client.secrets:
        if secret_hash is not None:
            raise errors.NotAuthorizedException(f"Unable to verify secret hash for client {client.client_id}")
        return
    if not secret_hash:
        raise errors.NotAuthorizedException(f"Client {client.client_id} is configured with secret but SECRET_HASH was not received")
    fits = False
    for kept in client.secrets:
        key = open_secret(cx, client, kept).encode()
        for username in usernames:
            fits |= secrets.equal(_hash(key, username, client.client_id), secret_hash)
    if not fits:
        raise errors.NotAuthorizedException(f"Unable to verify secret hash for client {client.client_id}")


def secret_hash(cx: Context, client: Client, username: str) -> str | None:
    """The SECRET_HASH that the client itself would send, for pages that act for it; None where it has no secret."""
    if not client.secrets:
        return None
    return _hash(open_secret(cx, client, client.secrets[0]).encode(), username, client.client_id)


def _hash(key: bytes, username: str, client_id: str) -> str:
    mac = hmac.digest(key, (username + client_id).encode("utf-8", "surrogatepass"), hashlib.sha256)
    return base64.b64encode(mac).decode()


async def named(cx: Context, client_id: str, username: str, secret_hash: str | None) -> tuple[Pool, Client, User | None]:
    """Whom a public request names, by a client that proves itself; None where nobody has the name. Raises ResourceNotFoundException and
    NotAuthorizedException."""
    pool, client = await find.client(cx, client_id)
    user = await find.user(cx, pool, username)
    check_secret_hash(cx, client, secret_hash, username, user.username if user else username)
    return pool, client, user


def secret_fits(cx: Context, client: Client, secret: str | None) -> bool:
    """For operations that take ClientSecret itself: is it one of the client's, or has the client none and none was sent?"""
    if not client.secrets:
        return not secret
    fits = False
    for kept in client.secrets:
        fits |= secrets.equal(open_secret(cx, client, kept), secret or "")
    return fits


def _bound(pool_id: str, client_id: str) -> bytes:
    return f"{pool_id}/{client_id}".encode()
