"""What a browser's sign-in ends with: an authorization code, which the app exchanges for tokens, or the tokens themselves (implicit).

A code is good once and for five minutes, by the client, the redirect URI and the PKCE verifier that it was asked with (RFC 6749, 4.1; RFC 7636).
One that comes again ends the session that it led to (RFC 9700, 2.1.1).
https://docs.aws.amazon.com/cognito/latest/developerguide/federation-endpoints-oauth-grants.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.kernel import base64url, ids, secrets
from cognomen.storage.authorization_codes import AuthorizationCode
from cognomen.storage.clients import Client
from cognomen.storage.engine import Tx
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.tokens.claims import Strength
from cognomen.userpools import credentials, issue
from cognomen.userpools.hooks.ask import Occasion

Also = Callable[[Tx], Awaitable[None]]
_PURPOSE = "authorization code"
_SECONDS = 300.0
_SOURCE = "HostedAuth"


class NoGrant(Exception):
    """The code is not good: unknown, expired, used before, another client's, or asked with another redirect URI or verifier."""


class _UsedMeanwhile(NoGrant):
    """It was good when it was read."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization request whose client, redirect URI, response type and scopes were found good. `scopes` in the order that was asked;
    `challenge` is PKCE's, by S256, empty where none was given."""

    client_id: str
    redirect_uri: str
    response_type: str
    scopes: tuple[str, ...]
    state: str | None = None
    nonce: str | None = None
    challenge: str = ""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """How the user proved who they are: when (epoch seconds), in which single sign-on session, how strongly, and the id that the session of
    tokens is to have, where that is settled."""

    at: float
    sso_session: str | None = None
    strength: Strength | None = None
    origin_jti: str | None = None


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """What the browser takes to the redirect URI: a code in the query, or tokens in the fragment."""

    parameters: Mapping[str, str]
    in_fragment: bool


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a code stands for. `password` and `signed_out_at` are the user's when it was given: neither may have changed since. Nor may an
    administrator have reset the password meanwhile, which leaves it as it is; `reset` where one had before a provider vouched for the user."""

    asked: Asked
    proof: Proof
    password: str
    signed_out_at: float | None
    reset: bool = False


async def grant(cx: Context, pool: Pool, client: Client, user: User, asked: Asked, proof: Proof, also: Also) -> Granted:
    """`also` runs in the unit that makes the grant; when it raises there is none."""
    proof = msgspec.structs.replace(proof, origin_jti=proof.origin_jti or ids.uuid())
    state = {"state": asked.state} if asked.state is not None else {}
    if asked.response_type == "token":
        result = await _tokens(cx, pool, client, user, asked, proof, also, None)
        given = {"access_token": result.access_token, "id_token": result.id_token, "token_type": "Bearer"}
        shown = {name: value for name, value in given.items() if value is not None}
        return Granted(parameters={**shown, "expires_in": str(result.expires_in), **state}, in_fragment=True)
    code = ids.uuid()
    kept = _Kept(
        asked=asked,
        proof=proof,
        password=credentials.mark(cx, user),
        signed_out_at=user.signed_out_at,
        reset=_is_reset(user),
    )
    row = AuthorizationCode(
        pool_id=pool.pool_id,
        digest=_digest(code),
        sub=user.sub,
        body=cx.sealer.seal(_PURPOSE, msgspec.json.encode(kept), _bound(pool.pool_id, user.sub)),
        used=0,
        expires_at=cx.clock.now() + _SECONDS,
    )

    async def unit(tx: Tx) -> None:
        await also(tx)
        await cx.store.authorization_codes.add(tx, row)

    await cx.store.write(unit)
    return Granted(parameters={"code": code, **state}, in_fragment=False)


async def exchange(
    cx: Context, pool: Pool, client: Client, code: str, redirect_uri: str, verifier: str | None, metadata: Mapping[str, str] | None
) -> idp.AuthenticationResultType:
    """Tokens for a code, once. Raises NoGrant, and what PreTokenGeneration raises: then the code is still good."""
    row = await cx.store.authorization_codes.get(pool.pool_id, _digest(code), cx.clock.now())
    if row is None:
        raise NoGrant
    kept = msgspec.json.decode(cx.sealer.open(_PURPOSE, row.body, _bound(pool.pool_id, row.sub)), type=_Kept)
    asked = kept.asked
    if asked.client_id != client.client_id or asked.redirect_uri != redirect_uri or not _verified(asked.challenge, verifier):
        raise NoGrant
    if row.used:
        await _end_reused(cx, row, kept)
        raise NoGrant
    user = await cx.store.users.by_sub(pool.pool_id, row.sub)
    if user is None or user.signed_out_at != kept.signed_out_at or credentials.mark(cx, user) != kept.password:
        raise NoGrant
    if _is_reset(user) and not kept.reset:
        raise NoGrant
    found = row

    async def use(tx: Tx) -> None:
        if not await cx.store.authorization_codes.use(tx, found):
            raise _UsedMeanwhile

    try:
        return await _tokens(cx, pool, client, user, asked, kept.proof, use, metadata)
    except _UsedMeanwhile:  # two who have the code, at one moment: as if this one had come a moment later
        await _end_reused(cx, row, kept)
        raise
    except errors.NotAuthorizedException as cause:  # signed out, disabled or with another password since
        raise NoGrant from cause


async def _tokens(
    cx: Context,
    pool: Pool,
    client: Client,
    user: User,
    asked: Asked,
    proof: Proof,
    also: Also,
    metadata: Mapping[str, str] | None,
) -> idp.AuthenticationResultType:
    # A single sign-on session is named where sessions are listed, and so where they are tracked.
    sso_session = proof.sso_session if pool.settings.sessions.tracking else None
    origin = issue.Origin(
        origin_jti=proof.origin_jti,
        strength=proof.strength,
        sso_session=sso_session,
        scope=" ".join(asked.scopes),
        auth_time=proof.at,
        nonce=asked.nonce,
        through_browser=True,
    )
    return await issue.sign_in(cx, pool, client, user, also, Occasion(_SOURCE, client.client_id, metadata), origin)


async def _end_reused(cx: Context, row: AuthorizationCode, kept: _Kept) -> None:
    """Whoever holds a copy of the code, its session ends."""
    session = await cx.store.sessions.get(row.pool_id, row.sub, kept.proof.origin_jti or "")
    if session is not None and session.revoked_at is None:
        now = cx.clock.now()
        await cx.store.write(lambda tx: cx.store.sessions.revoke(tx, session, now))


def _is_reset(user: User) -> bool:
    return user.status == "RESET_REQUIRED"


def _verified(challenge: str, verifier: str | None) -> bool:
    """RFC 7636, 4.6. A verifier for a code that was asked without one is refused as well (RFC 9700, 4.8.2: a downgrade)."""
    if not challenge:
        return not verifier
    digest = hashlib.sha256((verifier or "").encode("utf-8", "surrogatepass")).digest()
    return bool(verifier) and secrets.equal(base64url.encode(digest), challenge)


def _digest(code: str) -> bytes:
    """SHA-256: a code is random, so it needs no salt and no slow hash."""
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()


def _bound(pool_id: str, sub: str) -> bytes:
    return f"{pool_id}/{sub}".encode()
