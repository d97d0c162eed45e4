"""Devices told by Firebase Cloud Messaging itself (HTTP v1), with a service account's key.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send
https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import urlencode

import msgspec
from joserfc import jwt
from joserfc.jwk import RSAKey

from cognomen.delivery.sync.platform import Gone, NoPlatform, NotNow, Told, collapsed_by
from cognomen.kernel import outbound, received
from cognomen.kernel.clock import Clock

HOST = "https://fcm.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TIMEOUT = 5.0
_LIFE = 3_600
_RENEWED_BEFORE = 300.0
_GONE = frozenset(("UNREGISTERED", "SENDER_ID_MISMATCH"))


class ServiceAccount(msgspec.Struct, frozen=True):
    """What is read of the JSON file that Google gives."""

    project_id: str
    client_email: str
    private_key: str
    token_uri: str = "https://oauth2.googleapis.com/token"
    private_key_id: str = ""


class Fcm:
    def __init__(self, account: ServiceAccount, url: str, clock: Clock) -> None:
        self._account = account
        self._url = f"{(url or HOST).rstrip('/')}/v1/projects/{account.project_id}/messages:send"
        self._clock = clock
        self._private = RSAKey.import_key(account.private_key)
        self._lock = threading.Lock()
        self._token: tuple[float, str] = (0.0, "")

    def register(self, application: str, role: str, token: str) -> str:
        """Whether Firebase knows the token shows when it is told something."""
        return ""

    def tell(self, told: Told, role: str) -> None:
        headers = {"authorization": f"Bearer {self._access_token()}", "content-type": "application/json"}
        android = {"priority": "NORMAL", "collapse_key": collapsed_by(told)}
        body = msgspec.json.encode({"message": {"token": told.token, "data": told.data, "android": android}})
        answer = _post(self._url, headers, body)
        if answer.status == 200:
            return
        status, code = _error(answer.body)
        if code in _GONE:
            raise Gone(code)
        if answer.status == 401:
            self._token = (0.0, "")
        again = answer.status in (401, 429) or answer.status >= 500
        raise (NotNow if again else NoPlatform)(f"fcm answered {answer.status} {status}")

    def close(self) -> None:
        pass

    def _access_token(self) -> str:
        with self._lock:
            good_until, token = self._token
            now = self._clock.now()
            if now < good_until:
                return token
            account = self._account
            claims = {"iss": account.client_email, "scope": _SCOPE, "aud": account.token_uri, "iat": int(now), "exp": int(now) + _LIFE}
            header = {"alg": "RS256", "typ": "JWT", **({"kid": account.private_key_id} if account.private_key_id else {})}
            form = urlencode({"grant_type": _GRANT, "assertion": jwt.encode(header, claims, self._private)}).encode()
            answer = _post(account.token_uri, {"content-type": "application/x-www-form-urlencoded"}, form)
            found = _json(answer.body)
            given = found.get("access_token")
            if answer.status != 200 or not isinstance(given, str):
                raise (NotNow if answer.status >= 500 or answer.status == 429 else NoPlatform)(
                    f"the token address answered {answer.status}"
                )
            life = found.get("expires_in")
            self._token = (now + (life if isinstance(life, int) else _LIFE) - _RENEWED_BEFORE, given)
            return given


def _post(url: str, headers: dict[str, str], body: bytes) -> outbound.Answer:
    try:
        return outbound.send("POST", url, headers=headers, body=body, timeout=_TIMEOUT)
    except outbound.Unreachable as error:
        raise NotNow(str(error)) from error


def _json(body: bytes) -> dict[str, Any]:
    try:
        return received.json(body, dict[str, Any])
    except received.NotJson:
        return {}


def _error(body: bytes) -> tuple[str, str]:
    """Google's status, and Firebase's own code."""
    error = _json(body).get("error")
    if not isinstance(error, dict):
        return "", ""
    details = error.get("details")
    codes = [each.get("errorCode") for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    return str(error.get("status", ""))[:64], next((code for code in codes if isinstance(code, str)), "")
