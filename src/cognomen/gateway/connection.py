"""A connection of the gateway: uploads of any size at a bearable pace, and nothing of a request but what stood in its head.

What its parser refuses already: both kinds of length, two lengths, folded headers, line breaks and blanks where none belong.
"""

from __future__ import annotations

from cognomen.wire.connection import SECONDS, Connection

PACE = 64 << 10  # bytes that must come in SECONDS while a body comes
DRAINED = 16 << 20  # bytes of a body that nobody wants any more, read so that the client sees its answer


class GatewayConnection(Connection):
    _came = 0
    _unwanted = 0

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._unwanted = 0

    def on_headers_complete(self) -> None:
        # The target as it came, absolute or not; and the connection, which only the gateway itself may break.
        self.scope.update({"target": self.url, "connection": self})  # type: ignore[misc]  # ASGI has no word for it
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self.cycle.response_complete:
            self._unwanted += len(body)
            if self._unwanted > DRAINED:
                self.transport.abort()
        super().on_body(body)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._due is not None and self.cycle is not self._before:
            self._came += len(data)
            if self._came >= PACE:
                self._came, self._due = 0, self.loop.time() + SECONDS

    def _look(self) -> None:
        if self._due is not None and self.flow.read_paused:
            self._due = self.loop.time() + SECONDS  # it is the service behind that is slow, which has limits of its own
        super()._look()
