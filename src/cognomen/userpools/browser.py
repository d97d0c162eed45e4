"""Sign-in through a browser: the machine's own flows and challenges, ending in a grant for the app that asked and in a single sign-on session.

The pages are this server's own, so no client secret is proved and no flow need be allowed to the client; all else is as at the API. A session of
challenges belongs to the authorization request that it began for.
https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-managed-login.html
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.kernel.events import SignedIn
from cognomen.storage.clients import Client
from cognomen.storage.engine import Tx
from cognomen.storage.pools import Pool
from cognomen.storage.sso_sessions import SsoSession
from cognomen.storage.users import User
from cognomen.tokens.claims import Strength
from cognomen.userpools import authorization, credentials, sso_sessions
from cognomen.userpools.auth import machine, tables
from cognomen.userpools.auth.session import open_session
from cognomen.userpools.auth.steps import Attempt, Ending, Settle
from cognomen.userpools.authorization import Asked, Granted, Proof
from cognomen.userpools.rules import acr

_FLOW = "USER_PASSWORD_AUTH"
_CHOICE = "USER_AUTH"
HERE = "COGNITO"  # among identity providers: the pool's own users
_FEDERATED = "FEDERATED"  # how events name a sign-in that a provider vouched for


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """The user is in: what the browser takes to the app, and the single sign-on session that it keeps (None: the one that it had).
    `provider` is the one of the client's SupportedIdentityProviders by which they came, `password` marks the password that they have."""

    granted: Granted
    sso_session: str | None = None
    provider: str = HERE
    password: str = ""


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """What the user must answer next. `session` is to be given back with the answer, by the page alone. `available` are the
    first factors among which SELECT_CHALLENGE lets the user choose."""

    name: str
    session: str
    parameters: Mapping[str, str]
    available: tuple[str, ...] = ()


async def begin(cx: Context, pool: Pool, client: Client, asked: Asked, username: str, password: str) -> Entered | Challenge:
    """A sign-in with a password. Raises what InitiateAuth raises."""
    done: list[Entered] = []
    attempt = await machine.start(
        cx,
        pool,
        client,
        _FLOW,
        {"USERNAME": username, "PASSWORD": password},
        {},
        typed=username,
        admin=False,
        may_migrate=True,
        browser=_name_of(cx, asked),
        ending=_ending(cx, asked, done),
    )
    return _outcome(await machine.run(cx, attempt, tables.FLOWS[_FLOW], tables.FOLLOWING), done)


async def choose(cx: Context, pool: Pool, client: Client, asked: Asked, username: str) -> Challenge:
    """A sign-in whose first factor the user is to choose (SELECT_CHALLENGE). Raises what InitiateAuth raises."""
    found = await _by_choice(cx, pool, client, asked, username, None)
    if isinstance(found, Entered):
        raise TypeError("a choice let a user in")
    return found


async def confirmed(cx: Context, pool: Pool, client: Client, asked: Asked, username: str, session: str) -> Entered | Challenge:
    """A sign-in of whoever has just confirmed a new account: ConfirmSignUp's Session stands for the first factor. Raises what InitiateAuth raises."""
    return await _by_choice(cx, pool, client, asked, username, session)


async def _by_choice(cx: Context, pool: Pool, client: Client, asked: Asked, username: str, session: str | None) -> Entered | Challenge:
    done: list[Entered] = []
    attempt = await machine.start(
        cx,
        pool,
        client,
        _CHOICE,
        {"USERNAME": username},
        {},
        typed=username,
        admin=False,
        may_migrate=False,
        session=session,
        browser=_name_of(cx, asked),
        ending=_ending(cx, asked, done),
    )
    return _outcome(await machine.run(cx, attempt, tables.FLOWS[_CHOICE], tables.FOLLOWING), done)


async def answer(
    cx: Context, pool: Pool, client: Client, asked: Asked, challenge: str, session: str, responses: Mapping[str, str]
) -> Entered | Challenge:
    """The answer to a challenge that `begin` or this asked. Raises what RespondToAuthChallenge raises."""
    return await _go_on(cx, pool, client, asked, challenge, session, responses, tables.CHALLENGES.get(challenge))


async def ask_again(cx: Context, pool: Pool, client: Client, asked: Asked, challenge: str, session: str) -> Challenge:
    """Another code in the place of one that was sent, which is worth nothing any more. Raises what RespondToAuthChallenge raises."""
    found = await _go_on(cx, pool, client, asked, challenge, session, {}, tables.SENT.get(challenge))
    if isinstance(found, Entered):
        raise TypeError(f"{challenge} let a user in whom it was to send a code")
    return found


async def _go_on(
    cx: Context,
    pool: Pool,
    client: Client,
    asked: Asked,
    challenge: str,
    session: str,
    responses: Mapping[str, str],
    move: machine.Move | None,
) -> Entered | Challenge:
    state = open_session(cx, client, session)
    if move is None or state.challenge != challenge:
        raise errors.NotAuthorizedException("Invalid session for the user.")
    done: list[Entered] = []
    attempt = await machine.resume(
        cx,
        pool,
        client,
        state,
        {**responses, "USERNAME": state.typed},
        {},
        browser=_name_of(cx, asked),
        ending=_ending(cx, asked, done),
    )
    return _outcome(await machine.run(cx, attempt, move, tables.FOLLOWING), done)


async def enter(cx: Context, pool: Pool, client: Client, asked: Asked, user: User, provider: str, *, level: int | None = None) -> Entered:
    """A user for whom a provider has vouched; `level` is the one of AWS's four to which what the provider says of their sign-in is mapped, None where
    it maps none. Raises NotAuthorizedException where they may not sign in."""
    _refuse_disabled(user)
    strength = None if level is None else Strength(acr=acr.named(pool, level), amr=())
    entered = await _enter(cx, pool, client, asked, user, _nothing, strength, None)
    cx.tell(
        SignedIn,
        pool.pool_id,
        sub=user.sub,
        username=user.username,
        client_id=client.client_id,
        flow=_FEDERATED,
        factors=(_FEDERATED,),
    )
    return msgspec.structs.replace(entered, provider=provider)


async def present(cx: Context, pool: Pool, client: Client, session_id: str, provider: str, password: str) -> tuple[SsoSession, User] | None:
    """Who is signed in in this browser, as far as this client may take it for a sign-in: not by a `provider` that it does not support, nor by a
    `password` that was replaced since, perhaps because others know it."""
    if provider not in (client.settings.supported_identity_providers or []):
        return None
    session = await sso_sessions.reuse(cx, pool, client, session_id)
    user = await cx.store.users.by_sub(pool.pool_id, session.sub) if session is not None else None
    if session is None or user is None or not user.enabled or user.status not in ("CONFIRMED", "EXTERNAL_PROVIDER"):
        return None
    if provider == HERE and credentials.mark(cx, user) != password:
        return None
    return session, user


async def reenter(cx: Context, pool: Pool, client: Client, asked: Asked, session: SsoSession, user: User) -> Entered:
    """What `present` found, taken for a sign-in: nothing is asked."""
    proof = Proof(at=session.authenticated_at, sso_session=session.session_id)
    return Entered(granted=await authorization.grant(cx, pool, client, user, asked, proof, _nothing))


async def leave(cx: Context, pool: Pool, session_id: str) -> None:
    """The browser signs out: its single sign-on session ends. Tokens that apps hold live on, as on AWS."""
    await cx.store.write(lambda tx: cx.store.sso_sessions.remove(tx, pool.pool_id, session_id))


def _ending(cx: Context, asked: Asked, done: list[Entered]) -> Ending:
    async def end(attempt: Attempt, settle: Settle, strength: Strength | None, origin_jti: str | None) -> None:
        done.append(await _enter(cx, attempt.pool, attempt.client, asked, attempt.signed_in_user, settle, strength, origin_jti))

    return end


async def _enter(
    cx: Context,
    pool: Pool,
    client: Client,
    asked: Asked,
    user: User,
    settle: Settle,
    strength: Strength | None,
    origin_jti: str | None,
) -> Entered:
    session = sso_sessions.new(cx, pool, client, user)

    async def also(tx: Tx) -> None:
        await settle(tx)
        await sso_sessions.keep(cx, tx, session)

    proof = Proof(at=session.authenticated_at, sso_session=session.session_id, strength=strength, origin_jti=origin_jti)
    granted = await authorization.grant(cx, pool, client, user, asked, proof, also)
    return Entered(granted=granted, sso_session=session.session_id, password=credentials.mark(cx, user))


def _outcome(outcome: machine.Outcome, done: list[Entered]) -> Entered | Challenge:
    if done:
        return done[0]
    return Challenge(
        name=outcome.challenge_name or "",
        session=outcome.session or "",
        parameters=outcome.challenge_parameters or {},
        available=tuple(outcome.available_challenges or ()),
    )


def _name_of(cx: Context, asked: Asked) -> str:
    """What ties a session of challenges to its authorization request."""
    return cx.sealer.mac("authorization request", msgspec.json.encode(asked)).hex()[:32]


def _refuse_disabled(user: User) -> None:
    if not user.enabled:
        raise errors.NotAuthorizedException("User is disabled.")


async def _nothing(_tx: Tx) -> None:
    """Nothing is to be written beside the grant."""
