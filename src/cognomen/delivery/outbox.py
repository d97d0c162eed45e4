"""All channels of a server as one delivery. A message goes to every channel that serves its kind.

It counts as delivered when every channel outside of the house took it; the inbox keeps a copy beside them, and where nothing else serves
the kind, the copy is the delivery.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Sequence

from cognomen.delivery.inbox import Inbox
from cognomen.delivery.message import EMAIL, SMS, Channel, Message, NotDelivered
from cognomen.kernel.log import get_logger
from cognomen.storage.engine import Unit

log = get_logger("delivery")

_LONGEST_TEXT = 1_600  # characters: more is taken by neither SNS nor Twilio
_REMEMBERED = 32
_GUESS = 0.3  # seconds, until a message was sent


class Outbox:
    def __init__(self, inbox: Inbox | None, channels: Sequence[Channel]) -> None:
        self._inbox = inbox
        self._channels = channels
        self._took = {kind: deque[float](maxlen=_REMEMBERED) for kind in (EMAIL, SMS)}

    async def send(self, message: Message, first: Unit[None] | None = None) -> None:
        outside = self._outside(message.channel)
        if message.channel == SMS and len(message.body) > _LONGEST_TEXT:
            raise NotDelivered(f"the text has more than {_LONGEST_TEXT} characters")
        if self._inbox is not None:
            await self._inbox.send(message, first)
        if outside:
            await self._send_outside(outside, message)

    async def _send_outside(self, outside: Sequence[Channel], message: Message) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        outcomes = await asyncio.gather(*(channel.send(message) for channel in outside), return_exceptions=True)
        self._took[message.channel].append(loop.time() - began)
        failures = []
        for channel, outcome in zip(outside, outcomes, strict=True):
            if isinstance(outcome, NotDelivered):
                failures.append(f"{channel.name}: {outcome}")
                log.warning(
                    "a message was not delivered", way=channel.name, kind=message.channel, pool=message.pool_id, reason=str(outcome)
                )
            elif outcome is not None:
                raise outcome
        if failures:
            raise NotDelivered("; ".join(failures))

    async def pretend(self, kind: str) -> None:
        if self._outside(kind):
            await asyncio.sleep(secrets.choice(self._took[kind] or (_GUESS,)))

    def stays_in_house(self, kind: str) -> bool:
        return self._inbox is not None and all(kind not in channel.serves for channel in self._channels)

    def _outside(self, kind: str) -> list[Channel]:
        """Raises NotDelivered where nothing takes the kind."""
        outside = [channel for channel in self._channels if kind in channel.serves]
        if not outside and self._inbox is None:
            raise NotDelivered(f"no {kind} delivery is configured")
        return outside
