"""Custom senders run beside the requests, as AWS runs them: whoever asked for a message is answered before it is sent, and is told of no error.

Each has three tries. "Except for Custom Sender Lambda triggers, Amazon Cognito invokes Lambda functions synchronously":
https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from cognomen.kernel.log import get_logger
from cognomen.triggers.runner import FunctionFailed, FunctionUnreachable, NoFunction, NoKey, Runner
from cognomen.triggers.sender_keys import SenderKeys

AT_ONCE = 32
MOST_WAITING = 10_000
FINISH_SECONDS = 8.0
PAUSES = (1.0, 4.0)  # seconds between three tries: a code of a sign-in is good for three minutes
# Milliseconds, so that the answer is out before anything is encrypted: how long it takes must not tell that there is somebody. By chance, or the next
# answer, asked for at once, would be the one that waits for it.
_AFTER, _AND_UP_TO = 10, 40
log = get_logger("triggers")


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender is to do. `event` lacks the code, which is encrypted under `key_arn`; `failed` is told why nothing was sent, in words that
    hold no code and nothing that the function said."""

    trigger: str
    arn: str
    pool_id: str
    key_arn: str
    code: str | None
    event: dict[str, Any]
    failed: Callable[[str], None]


class CustomSenders:
    def __init__(self, runner: Runner, keys: SenderKeys, *, seconds: float, pauses: Sequence[float] = PAUSES) -> None:
        self._runner = runner
        self._keys = keys
        self._seconds = seconds
        self._pauses = pauses
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()

    def hand_over(self, errand: Errand) -> None:
        """Returns at once, whatever becomes of it."""
        if len(self._running) >= MOST_WAITING:
            self._give_up(errand, "too many messages wait for their custom senders")
            return
        task = asyncio.create_task(self._run(errand))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def settled(self) -> None:
        """Once nothing waits any more."""
        while self._running:
            await asyncio.wait(self._running)

    async def finish(self, within: float = FINISH_SECONDS) -> None:
        """What was handed over is brought to its end, as far as that takes no longer than a server may take to stop."""
        if self._running:
            await asyncio.wait(self._running, timeout=within)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, errand: Errand) -> None:
        try:
            await asyncio.sleep((_AFTER + secrets.randbelow(_AND_UP_TO)) / 1e3)
            reason = await self._tried(errand)
        except NoKey as cause:
            reason = f"the key of the custom sender: {cause}"
        except asyncio.CancelledError:
            self._give_up(errand, "the server was stopped")
            raise
        if reason is not None:
            self._give_up(errand, reason)

    async def _tried(self, errand: Errand) -> str | None:
        """Why nothing was sent, None where it was. Raises NoKey."""
        async with self._turns:
            payload = msgspec.json.encode(await self._event(errand))
        reason, again = None, True
        for pause in (0.0, *self._pauses):
            await asyncio.sleep(pause)
            async with self._turns:
                reason, again = await self._reason(errand.arn, payload)
            if not again:
                break
            log.warning("a custom sender did not do it", trigger=errand.trigger, arn=errand.arn, reason=reason)
        return reason

    async def _event(self, errand: Errand) -> dict[str, Any]:
        if errand.code is None:
            return errand.event
        sealed = await self._keys.encrypt(errand.key_arn, errand.pool_id, errand.code)
        return {**errand.event, "request": {**errand.event["request"], "code": sealed}}

    async def _reason(self, arn: str, payload: bytes) -> tuple[str | None, bool]:
        """Why a try failed, None where it did not; and whether another may help."""
        try:
            async with asyncio.timeout(self._seconds) as limit:
                await self._runner.run(arn, payload, limit)
        except NoFunction:
            return "there is no function for the custom sender's ARN", False
        except FunctionFailed:
            return "the custom sender failed", True
        except FunctionUnreachable as cause:
            return str(cause), True
        except TimeoutError:
            return f"the custom sender did not end within {self._seconds:g} seconds", True
        return None, False

    def _give_up(self, errand: Errand, reason: str) -> None:
        log.warning("a custom sender sent nothing", trigger=errand.trigger, arn=errand.arn, pool=errand.pool_id, reason=reason)
        errand.failed(reason)
