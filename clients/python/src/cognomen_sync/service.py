"""The two services by their wire: cognito-identity (JSON 1.1, unsigned) and cognito-sync (REST-JSON, signed), with another try where one helps."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from cognomen_sync.errors import Refused, Unreachable
from cognomen_sync.signing import Credentials, host_of, signed
from cognomen_sync.steps import Answer, NoAnswer, Request, Send, Steps, Wait

LATER = frozenset({"TooManyRequestsException", "ThrottlingException", "Throttling", "LambdaThrottledException", "RequestLimitExceeded"})
_SKEWED = frozenset({"InvalidSignatureException", "RequestTimeTooSkewed", "RequestExpired", "SignatureDoesNotMatch"})
_chance = secrets.SystemRandom()
_FAR = 240.0  # seconds between two clocks that a signature does not forgive, with some to spare


@dataclass(frozen=True)
class Retry:
    """How long one call of the library tries: waits are drawn from 0 to `first` seconds, doubled each time up to `most`, `total` in all."""

    total: float = 30.0
    first: float = 0.2
    most: float = 5.0


class Tries:
    """The tries of one call. `pause` waits before the next one."""

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._ends = time.monotonic() + retry.total
        self._made = 0

    def pause(self, cause: Exception) -> Steps[None]:
        """Raises Unreachable from `cause` when the time is over."""
        wait = _chance.uniform(0, min(self._retry.most, self._retry.first * 2 ** min(self._made, 16)))
        self._made += 1
        if time.monotonic() + wait >= self._ends:
            raise Unreachable(f"The service can not be reached: {cause}") from cause
        yield Wait(wait)


class Service:
    """`endpoints` holds the addresses of `cognito-identity` and `cognito-sync`."""

    def __init__(self, endpoints: Mapping[str, str], region: str, retry: Retry, clock: Callable[[], float]) -> None:
        self.endpoints = {name: url.rstrip("/") for name, url in endpoints.items()}
        self.region = region
        self.retry = retry
        self._clock = clock
        self._ahead = 0.0  # how far the service's clock is before ours

    def now(self) -> float:
        """By the clock of the service, as far as it is known."""
        return self._clock() + self._ahead

    def identity(self, operation: str, members: Mapping[str, Any]) -> Steps[dict[str, Any]]:
        """Raises Refused, Unreachable."""
        url = f"{self.endpoints['cognito-identity']}/"
        headers = {
            "host": host_of(url),
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": f"AWSCognitoIdentityService.{operation}",
        }
        request = Request("POST", url, headers, _written(members))
        tries = Tries(self.retry)
        while True:
            try:
                return (yield from _answered(request))
            except Later as cause:
                yield from tries.pause(cause)

    def sync(
        self,
        credentials: Credentials,
        method: str,
        path: tuple[str, ...],
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Steps[dict[str, Any]]:
        """One try. Raises Refused, and Later where another may help."""
        request = self.request(method, path, query=query, body=body)
        try:
            return (yield from _answered(self.sign(request, credentials)))
        except Refused as refused:
            if refused.code not in _SKEWED or not self._set_clock(refused):
                raise
        return (yield from _answered(self.sign(request, credentials)))

    def request(
        self, method: str, path: tuple[str, ...], *, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> Request:
        parts = "/".join(quote(part, safe="-_.~") for part in path)
        pairs = "&".join(sorted(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in (query or {}).items()))
        url = f"{self.endpoints['cognito-sync']}/{parts}{'?' if pairs else ''}{pairs}"
        headers = {"content-type": "application/json"} if body is not None else {}
        return Request(method, url, headers, _written(body) if body is not None else b"")

    def sign(self, request: Request, credentials: Credentials) -> Request:
        return signed(request, credentials, region=self.region, service="cognito-sync", now=self.now())

    def _set_clock(self, refused: Refused) -> bool:
        """By the Date of the answer. False where the clocks agree: then the signature is wrong for another reason."""
        theirs = refused.date
        if theirs is None or abs(theirs - self.now()) < _FAR:
            return False
        self._ahead = theirs - self._clock()
        return True


class Later(Exception):
    """No answer, or one that asks to come again: the request may have been carried out all the same."""


def _answered(request: Request) -> Steps[dict[str, Any]]:
    try:
        answer: Answer = yield Send(request)
    except NoAnswer as cause:
        raise Later(str(cause)) from cause
    if answer.status < 300:
        try:
            read = json.loads(answer.body) if answer.body else {}
        except ValueError as cause:  # a proxy's page, a body cut short
            raise Later("the answer can not be read") from cause
        return read if isinstance(read, dict) else {}
    raise failure(answer)


def failure(answer: Answer) -> Refused:
    """Raises Later where another try may help."""
    refused = _refused(answer)
    if answer.status >= 500 or answer.status == 429 or refused.code in LATER:
        raise Later(str(refused)) from refused
    return refused


def _refused(answer: Answer) -> Refused:
    try:
        read = json.loads(answer.body)
    except ValueError:
        read = {}
    body = read if isinstance(read, dict) else {}
    code = answer.headers.get("x-amzn-errortype") or body.get("__type") or body.get("code") or f"HTTP{answer.status}"
    code = str(code).partition(":")[0].rpartition("#")[2]
    refused = Refused(answer.status, code, str(body.get("message") or body.get("Message") or ""))
    try:
        refused.date = parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError):
        refused.date = None
    return refused


def _written(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
