"""Devices told by Apple's push service itself, with a key of the developer's account (.p8).

https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
"""

from __future__ import annotations

import re
import threading

import msgspec
from joserfc import jwt
from joserfc.jwk import ECKey

from cognomen.delivery.sync.platform import BadToken, Gone, NoPlatform, NotNow, Told, collapsed_by, payload_of
from cognomen.kernel import received
from cognomen.kernel.clock import Clock
from cognomen.kernel.http2 import Http2
from cognomen.kernel.outbound import Unreachable

HOSTS = {"APNS": "https://api.push.apple.com", "APNS_SANDBOX": "https://api.sandbox.push.apple.com"}
_TOKEN = re.compile(r"[0-9a-fA-F]{64,200}")
_SECONDS = 2_400.0  # a provider token is good for an hour, and must not be made anew within 20 minutes
_GONE = frozenset(("BadDeviceToken", "Unregistered", "DeviceTokenNotForTopic", "ExpiredToken"))


class Key(msgspec.Struct, frozen=True):
    """`private` as PEM; its id and the team's stand in the developer account. `topic` is the app's bundle id."""

    private: str
    key_id: str
    team_id: str
    topic: str


class Apns:
    def __init__(self, http: Http2, key: Key, clock: Clock) -> None:
        self._http = http
        self._key = key
        self._clock = clock
        self._private = ECKey.import_key(key.private)
        self._lock = threading.Lock()
        self._token: tuple[float, str] = (0.0, "")

    def register(self, application: str, role: str, token: str) -> str:
        if not _TOKEN.fullmatch(token):
            raise BadToken("Apple's device tokens are hexadecimal")
        return ""

    def tell(self, told: Told, role: str) -> None:
        headers = {
            "authorization": f"bearer {self._provider_token()}",
            "apns-topic": self._key.topic,
            "apns-push-type": "background",
            "apns-priority": "5",
            "apns-collapse-id": collapsed_by(told),
        }
        try:
            answer = self._http.post(f"/3/device/{told.token}", headers, msgspec.json.encode(payload_of(told.device.platform, told.data)))
        except Unreachable as error:
            raise NotNow(str(error)) from error
        if answer.status == 200:
            return
        reason = _reason(answer.body)
        if answer.status == 410 or reason in _GONE:
            raise Gone(reason)
        raise (NotNow if answer.status == 429 or answer.status >= 500 else NoPlatform)(f"apns answered {answer.status} {reason}")

    def close(self) -> None:
        self._http.close()

    def _provider_token(self) -> str:
        with self._lock:
            made_at, token = self._token
            now = self._clock.now()
            if not token or now >= made_at + _SECONDS:
                header = {"alg": "ES256", "kid": self._key.key_id}
                token = jwt.encode(header, {"iss": self._key.team_id, "iat": int(now)}, self._private)
                self._token = (now, token)
            return token


def _reason(body: bytes) -> str:
    try:
        reason = received.json(body, dict[str, object]).get("reason", "")
    except received.NotJson:
        return ""
    return reason[:64] if isinstance(reason, str) else ""
