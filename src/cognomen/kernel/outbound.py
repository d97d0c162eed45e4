"""The only way out to HTTP. Refuses redirects, proxies of the environment, and answers that are too large or too late."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import urlsplit

import msgspec

_MOST = 64 << 20


class Unreachable(Exception):
    """No usable answer came. The text is one clear sentence."""


class Refused(Unreachable):
    """An answer came, with another status than 200."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


def get_json(url: str, timeout: float) -> Any:
    """The JSON that `url` answers to a GET; `timeout` in seconds for each step. Raises Unreachable, Refused. Blocks: for the command line."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Unreachable(f"{url} is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise Unreachable(f"{url} is no http or https address")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(host, port, timeout=timeout)
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), headers={"accept": "application/json"})
        answer = connection.getresponse()
        body = answer.read(_MOST + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a URL with characters that no request line takes
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Unreachable(f"{parts.scheme}://{parts.netloc} does not answer: {reason}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise Refused(f"{url} answered {answer.status}", answer.status)
    try:
        if len(body) > _MOST:
            raise ValueError("it is too large")
        return msgspec.json.decode(body)
    except (ValueError, msgspec.DecodeError) as error:
        raise Unreachable(f"{url} did not answer with JSON: {error}") from error
