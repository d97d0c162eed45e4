"""Log records by HTTP POST: `{"records": [...]}`, signed by HMAC-SHA256 so that the receiver knows from whom they come and when."""

from __future__ import annotations

from collections.abc import Sequence

from cognomen.delivery.logs.sink import NotSent
from cognomen.kernel import outbound
from cognomen.kernel.clock import Clock
from cognomen.storage.logs import LogEntry

_TIMEOUT = 5.0


class WebhookSink:
    def __init__(self, url: str, secret: str, clock: Clock) -> None:
        self._url = url
        self._secret = secret.encode()
        self._clock = clock

    def send(self, entries: Sequence[LogEntry]) -> Sequence[LogEntry]:
        body = ('{"records":[' + ",".join(entry.record for entry in entries) + "]}").encode()
        headers = {
            "content-type": "application/json",
            "x-cognomen-delivery": entries[0].entry_id,  # the same when a batch comes again, because its answer was lost
            "x-cognomen-signature": outbound.signature(self._secret, int(self._clock.now()), body),
        }
        try:
            answer = outbound.send("POST", self._url, headers=headers, body=body, timeout=_TIMEOUT)
        except outbound.Unreachable as error:
            raise NotSent(str(error)) from error
        if not 200 <= answer.status < 300:
            raise NotSent(f"the webhook answered {answer.status}")
        return entries
