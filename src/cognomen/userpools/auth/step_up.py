"""Step-up in USER_AUTH: a sign-in that must reach a level (TARGET_ACR_VALUES), from scratch or from what an access token shows was proved already.

https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-selection-sdk.html ("Step-up authentication with the USER_AUTH flow")
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.tokens.claims import Strength
from cognomen.userpools import access
from cognomen.userpools.auth.steps import Attempt
from cognomen.userpools.rules import acr, factors, pool_settings

FACTOR = "ACCESS_TOKEN"  # what a token's methods are called among an attempt's factors
PARAMETERS = ("TARGET_ACR_VALUES", "ACCESS_TOKEN", "MAX_AGE")
_KEPT, _PASSKEY = "step_up", "passkey"
_SAME_CHANNEL = {factors.EMAIL: acr.EMAIL, factors.SMS: acr.SMS}
_SECONDS = {factors.SMS: acr.SMS, factors.EMAIL: acr.EMAIL, factors.SOFTWARE_TOKEN: acr.TOTP}


class Target(msgspec.Struct, frozen=True):
    """What the sign-in must reach (0: it is only to be told what it reached), and the methods that are credited to it."""

    level: int
    credited: tuple[str, ...] = ()


class _Earlier(msgspec.Struct, frozen=True):
    """What an access token shows."""

    level: int = 0
    methods: tuple[str, ...] = ()


async def begin(cx: Context, attempt: Attempt, firsts: Sequence[str]) -> bool:
    """Keeps what the request asks for; says whether its access token is the first factor. `firsts` are those that the user has.

    Raises InvalidParameterException for levels that nobody knows, that the user cannot reach or has reached, FeatureUnavailableInTierException,
    and NotAuthorizedException for a token that is not good or not this user's.
    """
    given = attempt.parameters
    if not any(given.get(name) for name in PARAMETERS):
        return False
    age = _age(given.get("MAX_AGE"))
    names = given.get("TARGET_ACR_VALUES")
    if not names:
        if given.get("ACCESS_TOKEN"):
            raise errors.InvalidParameterException("ACCESS_TOKEN requires TARGET_ACR_VALUES.")
        _keep(attempt, Target(0))
        return False
    if attempt.pool.settings.pool.user_pool_tier == "LITE":
        raise pool_settings.not_in_lite("Step-up authentication")
    levels = acr.wanted(attempt.pool, names)
    if not levels:
        raise errors.InvalidParameterException("TARGET_ACR_VALUES has no value that the user pool knows.")
    earlier = await _shown(cx, attempt, given["ACCESS_TOKEN"], age) if given.get("ACCESS_TOKEN") else _Earlier()
    seconds = _possible(attempt)
    for level in levels:
        if max(earlier.level, acr.level(earlier.methods)) >= level:
            raise errors.InvalidParameterException("The access token already meets the requested authentication level.")
        if earlier.methods and _leads_to(level, earlier.methods, seconds):
            _keep(attempt, Target(level, earlier.methods))
            return True
        if any(_leads_to(level, acr.methods([first], with_passkey=acr.PLATFORM), seconds) for first in firsts):
            _keep(attempt, Target(level))
            return False
    raise errors.InvalidParameterException("The user has no factors that meet a requested authentication level.")


def refuse_with_session(attempt: Attempt) -> None:
    """A sign-up that goes on has proved what it has proved. Raises InvalidParameterException."""
    for name in PARAMETERS:
        if attempt.parameters.get(name):
            raise errors.InvalidParameterException(f"{name} cannot be used with the Session of a sign-up.")


def leading(attempt: Attempt, firsts: Sequence[str]) -> list[str]:
    """Those of the first factors by which the user gets to the level that is asked for."""
    target = _of(attempt)
    if target is None:
        return list(firsts)
    seconds = _possible(attempt)
    return [first for first in firsts if _leads_to(target.level, acr.methods([first], with_passkey=acr.PLATFORM), seconds)]


def used_passkey(attempt: Attempt, attachment: str | None) -> None:
    """Remembers which kind of passkey was used, for a sign-in that tells its methods."""
    if _KEPT in attempt.kept:
        attempt.kept = {**attempt.kept, _PASSKEY: acr.passkey(attachment)}


def missing(attempt: Attempt) -> list[str] | None:
    """The second factors of which one is still needed; None where the level is reached or none is asked for. Raises NotAuthorizedException
    where the user has none any more."""
    target = _of(attempt)
    if target is None or acr.level(_proved(attempt, target)) >= target.level:
        return None
    have = _proved(attempt, target)
    found = [name for name, method in _possible(attempt).items() if acr.level((*have, method)) >= target.level]
    if not found:
        raise errors.NotAuthorizedException("The user has no factors that meet the requested authentication level.")
    return found


def reached(attempt: Attempt) -> Strength | None:
    """The claims `acr` and `amr` of the tokens, which only such a sign-in gets."""
    target = _of(attempt)
    if target is None:
        return None
    have = _proved(attempt, target)
    return Strength(acr=acr.named(attempt.pool, max(acr.level(have), 1)), amr=tuple(acr.amr(have)))


async def _shown(cx: Context, attempt: Attempt, token: str, age: int | None) -> _Earlier:
    """What the token's sign-in proved; nothing, where that is longer ago than MAX_AGE."""
    shown = await access.of_whoever(cx, token)
    whose = (shown.pool.pool_id, shown.client.client_id, shown.user.sub)
    if attempt.user is None or whose != (attempt.pool.pool_id, attempt.client.client_id, attempt.user.sub):
        raise errors.NotAuthorizedException("Access Token was not issued for this user.")
    if age is not None and cx.clock.now() - shown.claims["auth_time"] > age:
        return _Earlier()
    claimed = shown.claims.get("amr")
    methods = acr.methods((), credited=claimed if isinstance(claimed, list) else ())
    return _Earlier(acr.level_of(attempt.pool, str(shown.claims.get("acr", ""))), methods)


def _age(given: str | None) -> int | None:
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 10):
        raise errors.InvalidParameterException("MAX_AGE must be a number of seconds.")
    return int(given)


def _possible(attempt: Attempt) -> dict[str, str]:
    """The second factors that the user has set up in this pool, and their methods; not the channel of the first."""
    user = attempt.user
    if user is None:
        return {}
    used = acr.methods(attempt.factors)
    ready = [name for name in factors.offered(attempt.pool) if factors.is_set_up(user, name)]
    return {name: _SECONDS[name] for name in ready if _SAME_CHANNEL.get(name) not in used}


def _leads_to(level: int, have: Sequence[str], seconds: dict[str, str]) -> bool:
    if not have:
        return False
    others: Collection[str] = seconds.values()
    return acr.level(have) >= level or any(acr.level((*have, method)) >= level for method in others if method not in have)


def _proved(attempt: Attempt, target: Target) -> tuple[str, ...]:
    return acr.methods(attempt.factors, credited=target.credited, with_passkey=attempt.kept.get(_PASSKEY))


def _of(attempt: Attempt) -> Target | None:
    kept = attempt.kept.get(_KEPT)
    return None if kept is None else msgspec.json.decode(kept, type=Target)


def _keep(attempt: Attempt, target: Target) -> None:
    attempt.kept = {**attempt.kept, _KEPT: msgspec.json.encode(target).decode()}
