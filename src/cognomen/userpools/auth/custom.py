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
        "clientMetadata": dict(attempt.metadata),
        "userNotFound": attempt.user is None,
    }
    response = await _ask(cx, attempt, catalog.VERIFY_AUTH_CHALLENGE, request, {"answerCorrect": None})
    correct = response.get("answerCorrect")
    if correct is not None and not isinstance(correct, bool):
        raise unrecognizable()
    return await _define(cx, attempt, _with_round(state, CHALLENGE, result=bool(correct)))


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
        "clientMetadata": dict(attempt.metadata),
        "userNotFound": attempt.user is None,
    }
    empty = {"challengeName": None, "issueTokens": None, "failAuthentication": None}
    response = await _ask(cx, attempt, catalog.DEFINE_AUTH_CHALLENGE, request, empty)
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
        "clientMetadata": dict(attempt.metadata),
        "userNotFound": attempt.user is None,
    }
    empty = {"publicChallengeParameters": None, "privateChallengeParameters": None, "challengeMetadata": None}
    response = await _ask(cx, attempt, catalog.CREATE_AUTH_CHALLENGE, request, empty)
    metadata = response.get("challengeMetadata")
    if metadata is not None and not isinstance(metadata, str):
        raise unrecognizable()
    asked = State(state.rounds, CHALLENGE, metadata, _texts(response.get("privateChallengeParameters")))
    _keep(attempt, asked)
    named = attempt.user.username if attempt.user else attempt.typed
    return Ask(CHALLENGE, {"USERNAME": named, **_texts(response.get("publicChallengeParameters"))})


async def _ask(cx: Context, attempt: Attempt, trigger: str, request: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    arn = catalog.arn_of(attempt.pool, trigger)
    if arn is None:
        raise _not_configured()
    event = catalog.event(
        attempt.pool,
        trigger=trigger,
        source=_SOURCE,
        username=attempt.user.username if attempt.user else attempt.typed,
        client_id=attempt.client.client_id,
        user_agent=cx.user_agent,
        request=request,
        response=response,
    )
    return await cx.triggers.ask(trigger, arn, event)


def _refuse_without_triggers(attempt: Attempt) -> None:
    needed = (catalog.DEFINE_AUTH_CHALLENGE, catalog.CREATE_AUTH_CHALLENGE, catalog.VERIFY_AUTH_CHALLENGE)
    if any(catalog.arn_of(attempt.pool, trigger) is None for trigger in needed):
        raise _not_configured()


def _not_configured() -> errors.InvalidParameterException:
    return errors.InvalidParameterException("Custom auth lambda trigger is not configured for the user pool.")


def _with_round(state: State, name: str, *, result: bool) -> State:
    metadata = state.metadata if name == CHALLENGE else None
    return State(rounds=[*state.rounds, Round(name, result, metadata)])


def _texts(given: object) -> dict[str, str]:
    """A map of texts as a function answers it; None is an empty one. Raises InvalidLambdaResponseException."""
    try:
        return msgspec.convert(given or {}, dict[str, str], strict=True)
    except msgspec.ValidationError as cause:
        raise unrecognizable() from cause


def _keep(attempt: Attempt, state: State) -> None:
    text = msgspec.json.encode(state).decode()
    if len(text) > _LARGEST:
        raise unrecognizable()
    attempt.kept = {**attempt.kept, _KEPT: text}


def _state(attempt: Attempt) -> State:
    return msgspec.json.decode(attempt.kept[_KEPT], type=State)
