"""The captured twin of Lambda: functions of the test's own, by ARN, and every event that they were given."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable
from typing import Any

from cognomen.triggers.runner import FunctionFailed, NoFunction

Function = Callable[[dict[str, Any]], Any]


def arn(name: str) -> str:
    return f"arn:aws:lambda:us-east-1:000000000000:function:{name}"


class Functions:
    """`add` a function: it takes an event and returns (or is awaited for) what it changes of `response`, or raises; or raw bytes."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._functions: dict[str, Function] = {}

    def add(self, name: str, function: Function) -> str:
        self._functions[arn(name)] = function
        return arn(name)

    async def run(self, arn: str, event: bytes, limit: asyncio.Timeout | None = None) -> bytes:
        function = self._functions.get(arn)
        if function is None:
            raise NoFunction(arn)
        given = json.loads(event)
        self.events.append(given)
        try:
            answered = function(given)
            if inspect.isawaitable(answered):
                answered = await answered
        except Exception as error:
            raise FunctionFailed(str(error)) from error
        if isinstance(answered, bytes):
            return answered
        return json.dumps({**given, "response": {**given["response"], **answered}}).encode()
