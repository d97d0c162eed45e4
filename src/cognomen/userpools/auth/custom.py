"""CUSTOM_AUTH: the pool's own functions decide. DefineAuthChallenge says what comes next, CreateAuthChallenge makes the question,
VerifyAuthChallengeResponse judges the answer. Without these triggers the flow fails, it never falls back (FIDELITY B.3.37).

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-challenge.html
"""

from __future__ import annotations

from typing import Any

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.triggers import catalog
from cognomen.triggers.invoke import unrecognizable
from cognomen.userpools.auth import mfa, password_srp
from cognomen.userpools.auth.steps import Ask, Attempt, Passed, Step, incorrect, required
from cognomen.userpools.hooks.ask import Occasion, ask, flag, text, texts

CHALLENGE = "CUSTOM_CHALLENGE"
_FLOW = "CUSTOM_AUTH"
_KEPT = "custom"
_SOURCE = "Authentication"
_ROUNDS = 20
_LARGEST = 2_200  # characters of what the session keeps: a sealed Session has at most 4,096 (SessionType)
_BUILT_IN = ("SMS_MFA", "SOFTWARE_TOKEN_MFA", "EMAIL_OTP")  # what DefineAuthChallenge may ask for beside its own challenge


class Round(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One element of an event's `session`."""

    challenge_name: str
    challenge_result: bool
    challenge_metadata: str | None = None


class State(msgspec.Struct, frozen=True):
    """The rounds so far, the challenge that is asked now, and what only the functions may know of it."""

    rounds: list[Round] = []
    asked: str = ""
    metadata: str | None = None
    private: dict[str, str] = {}


async def begin(cx: Context, attempt: Attempt) -> Step:
    _refuse_without_triggers(attempt)
    if attempt.parameters.get("CHALLENGE_NAME") == "SRP_A":
        required(attempt.parameters, "SRP_A")
        return await _define(cx, attempt, State(rounds=[Round("SRP_A", True)]))
    return await _define(cx, attempt, State())


async def answer(cx: Context, attempt: Attempt) -> Step:
    """CUSTOM_CHALLENGE: VerifyAuthChallengeResponse judges, then DefineAuthChallenge goes on."""
    state = _state(attempt)
    request = {
        "userAttributes": catalog.user_attributes(attempt.user),
        "privateChallengeParameters": state.private,
        "challengeAnswer": required(attempt.parameters, "ANSWER"),
        "userNotFound": attempt.user is None,
    }
    response = await _ask(cx, attempt, catalog.VERIFY_AUTH_CHALLENGE, request)
    return await _define(cx, attempt, _with_round(state, CHALLENGE, result=flag(response, "answerCorrect")))


async def follow(cx: Context, attempt: Attempt) -> Ask | None:
    """After a built-in challenge of this flow was passed: DefineAuthChallenge goes on. None once it issued tokens."""
    if attempt.flow != _FLOW or CHALLENGE in attempt.factors:
        return None
    state = _state(attempt)
    step = await _define(cx, attempt, _with_round(state, state.asked, result=True))
    if isinstance(step, Ask):
        return step
    attempt.factors = (*attempt.factors, step.factor)
    return None


async def _define(cx: Context, attempt: Attempt, state: State) -> Step:
    if len(state.rounds) > _ROUNDS:
        raise incorrect()
    request = {
        "userAttributes": catalog.user_attributes(attempt.user),
        "session": msgspec.to_builtins(state.rounds),
        "userNotFound": attempt.user is None,
    }
    response = await _ask(cx, attempt, catalog.DEFINE_AUTH_CHALLENGE, request)
    if response.get("issueTokens") is True:
        if attempt.user is None:
            raise incorrect()
        return Passed(CHALLENGE)
    if response.get("failAuthentication") is True:
        raise incorrect()
    name = response.get("challengeName")
    if name == CHALLENGE:
        return await _create(cx, attempt, state)
    if name == "PASSWORD_VERIFIER" and "SRP_A" in attempt.parameters:
        _keep(attempt, msgspec.structs.replace(state, asked=name))
        return await password_srp.begin(cx, attempt)
    if isinstance(name, str) and name in _BUILT_IN and attempt.user is not None:
        _keep(attempt, msgspec.structs.replace(state, asked=name))
        return await mfa.ask_for(cx, attempt, name)
    raise unrecognizable()


async def _create(cx: Context, attempt: Attempt, state: State) -> Ask:
    request = {
        "userAttributes": catalog.user_attributes(attempt.user),
        "challengeName": CHALLENGE,
        "session": msgspec.to_builtins(state.rounds),
        "userNotFound": attempt.user is None,
    }
    response = await _ask(cx, attempt, catalog.CREATE_AUTH_CHALLENGE, request)
    asked = State(state.rounds, CHALLENGE, text(response, "challengeMetadata"), texts(response, "privateChallengeParameters"))
    _keep(attempt, asked)
    return Ask(CHALLENGE, {"USERNAME": password_srp.shown_name(cx, attempt), **texts(response, "publicChallengeParameters")})


async def _ask(cx: Context, attempt: Attempt, trigger: str, request: dict[str, Any]) -> dict[str, Any]:
    named = attempt.user.username if attempt.user else attempt.typed
    occasion = Occasion(_SOURCE, attempt.client.client_id, attempt.metadata)
    answer = await ask(cx, attempt.pool, trigger, occasion, named, request)
    if answer is None:
        raise _not_configured()
    return answer


def _refuse_without_triggers(attempt: Attempt) -> None:
    needed = (catalog.DEFINE_AUTH_CHALLENGE, catalog.CREATE_AUTH_CHALLENGE, catalog.VERIFY_AUTH_CHALLENGE)
    if any(catalog.arn_of(attempt.pool, trigger) is None for trigger in needed):
        raise _not_configured()


def _not_configured() -> errors.InvalidParameterException:
    return errors.InvalidParameterException("Custom auth lambda trigger is not configured for the user pool.")


def _with_round(state: State, name: str, *, result: bool) -> State:
    metadata = state.metadata if name == CHALLENGE else None
    return State(rounds=[*state.rounds, Round(name, result, metadata)])


def _keep(attempt: Attempt, state: State) -> None:
    encoded = msgspec.json.encode(state).decode()
    if len(encoded) > _LARGEST:
        raise unrecognizable()
    attempt.kept = {**attempt.kept, _KEPT: encoded}


def _state(attempt: Attempt) -> State:
    return msgspec.json.decode(attempt.kept[_KEPT], type=State)
