"""A trigger's function asked: five seconds, three tries, and AWS's errors for what goes wrong (FIDELITY B.6.59)."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from typing import Any

import msgspec

from cognomen.api import errors
from cognomen.kernel import received
from cognomen.kernel.log import get_logger
from cognomen.triggers.custom_senders import CustomSenders
from cognomen.triggers.runner import MOST_ANSWER, FunctionBusy, FunctionFailed, FunctionUnreachable, NoFunction, Runner
from cognomen.triggers.sender_keys import SenderKeys

SECONDS = 5.0
TRIES = 3
_REMEMBERED = 32
_MOST_ARNS = 1_000
_GUESS = 0.1  # seconds, until a function was asked
log = get_logger("triggers")


class Triggers:
    def __init__(self, runner: Runner, keys: SenderKeys, *, seconds: float = SECONDS) -> None:
        self._runner = runner
        self._seconds = seconds
        self._took: dict[str, deque[float]] = {}  # by ARN; the one that was asked longest ago goes first
        self.senders = CustomSenders(runner, keys, seconds=seconds)

    async def ask(self, trigger: str, arn: str, event: dict[str, Any]) -> dict[str, Any]:
        """The `response` of the function's answer. Raises UserLambdaValidationException, UnexpectedLambdaException,
        InvalidLambdaResponseException."""
        began = asyncio.get_running_loop().time()
        try:
            return _response(await self._run(trigger, arn, event))
        finally:
            took = self._took.pop(arn, None) or deque(maxlen=_REMEMBERED)
            took.append(asyncio.get_running_loop().time() - began)
            self._took[arn] = took
            if len(self._took) > _MOST_ARNS:
                del self._took[next(iter(self._took))]

    async def pretend(self, arn: str) -> None:
        """Takes as long as the function took lately, for somebody who does not exist and about whom it is not asked."""
        await asyncio.sleep(secrets.choice(self._took.get(arn) or (_GUESS,)))

    async def answer(self, arn: str, event: dict[str, Any]) -> Any:
        """What a function answers, whole, for callers with errors and rules of their own; tried once. Raises NoFunction, FunctionFailed (an answer
        that is no JSON, too), FunctionUnreachable (in time, too)."""
        try:
            async with asyncio.timeout(self._seconds) as limit:
                answer = await self._runner.run(arn, msgspec.json.encode(event), limit)
        except TimeoutError as cause:
            raise FunctionUnreachable(f"the function did not answer within {self._seconds:g} seconds") from cause
        try:
            if len(answer) > MOST_ANSWER:
                raise FunctionFailed("the answer is larger than 6 MB")
            return received.json(answer)
        except received.NotJson as cause:
            raise FunctionFailed("the answer is no JSON") from cause

    async def _run(self, trigger: str, arn: str, event: dict[str, Any]) -> bytes:
        payload = msgspec.json.encode(event)
        for attempt in range(1, TRIES + 1):
            try:
                async with asyncio.timeout(self._seconds) as limit:
                    return await self._runner.run(arn, payload, limit)
            except NoFunction as cause:
                log.warning(
                    "no function for this ARN: put NAME.py or NAME.mjs into the folder of the setting `functions`, name its address in"
                    " `function_endpoints`, or a Lambda API in `aws_endpoint_lambda`",
                    trigger=trigger,
                    arn=arn,
                )
                raise errors.UnexpectedLambdaException(f"{trigger} invocation failed due to error AccessDeniedException.") from cause
            except FunctionFailed as cause:
                raise errors.UserLambdaValidationException(f"{trigger} failed with error {_sentence(str(cause))}") from cause
            except (TimeoutError, FunctionUnreachable) as cause:
                log.warning("a function did not answer", trigger=trigger, arn=arn, attempt=attempt, reason=str(cause) or "time is up")
                if attempt == TRIES or isinstance(cause, FunctionBusy):
                    name = _error_of(cause)
                    raise errors.UnexpectedLambdaException(f"{trigger} invocation failed due to error {name}.") from cause
        raise AssertionError("the last try returns or raises")


def _error_of(cause: Exception) -> str:
    """What Lambda's API would have called it."""
    if isinstance(cause, FunctionBusy):
        return "TooManyRequestsException"
    return "TimeoutException" if isinstance(cause, TimeoutError) else "ServiceUnavailableException"


def _response(answer: bytes) -> dict[str, Any]:
    if len(answer) > MOST_ANSWER:
        raise unrecognizable()
    try:
        found = received.json(answer)
    except received.NotJson as cause:
        raise _no_json() from cause
    if found is None:  # what a function that forgot to return the event answers (aws-amplify/amplify-cli #4341)
        raise _no_json()
    response = found.get("response") if isinstance(found, dict) else None
    if not isinstance(response, dict):
        raise unrecognizable()
    return response


def unrecognizable() -> errors.InvalidLambdaResponseException:
    return errors.InvalidLambdaResponseException("Unrecognizable lambda output")


def _no_json() -> errors.InvalidLambdaResponseException:
    return errors.InvalidLambdaResponseException("Invalid lambda function output : Invalid JSON")


def _sentence(message: str) -> str:
    return message if message.endswith(".") else f"{message}."
