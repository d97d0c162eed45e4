"""The delivery of a server that has none: every message fails, clearly."""

from __future__ import annotations

from cognomen.delivery.message import Message, NotDelivered


class NoDelivery:
    async def send(self, message: Message) -> None:
        await self.pretend(message.channel)

    async def pretend(self, kind: str) -> None:
        raise NotDelivered(f"no {kind} delivery is configured")
