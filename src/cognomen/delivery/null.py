"""The delivery of a server that has none: every message fails, clearly."""

from __future__ import annotations

from cognomen.delivery.message import Message, NotDelivered
from cognomen.storage.engine import Unit


class NoDelivery:
    async def send(self, message: Message, first: Unit[None] | None = None) -> None:
        await self.pretend(message.channel)

    def stays_in_house(self, kind: str) -> bool:
        return False

    async def pretend(self, kind: str) -> None:
        raise NotDelivered(f"no {kind} delivery is configured")
