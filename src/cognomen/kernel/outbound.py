"""The only way out to HTTP. Refuses redirects, proxies of the environment, and answers that are too large or too late."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import socket
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from cognomen.kernel import addresses

_MOST = 64 << 20


class Unreachable(Exception):
    """No usable answer came. The text is one clear sentence."""


class Refused(Unreachable):
    """An answer came, with another status than 200."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Answer(NamedTuple):
    """`body` is whole."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    def header(self, name: str) -> str:
        """By its name in small letters; empty where there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout: float,
    most: int = 1 << 20,
    public_only: bool = False,
    context: ssl.SSLContext | None = None,
) -> Answer:
    """One request and its answer, whatever its status; `timeout` in seconds for each step, `most` bytes of a body. Raises Unreachable.
    With `public_only` an address in a private network is refused, by whatever name it goes; `context` is whom https trusts, if not the public roots.

    Blocks: for the command line, and for threads.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Unreachable(f"{url} is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise Unreachable(f"{url} is no http or https address")
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    trusted = {"context": context} if parts.scheme == "https" else {}
    kind: Any = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        # With its port: http.client would look for one in an IPv6 address.
        connection = kind(host, port or kind.default_port, timeout=timeout, **trusted)
    except http.client.InvalidURL as error:
        raise Unreachable("the address has a character that no address takes") from error
    if public_only:
        # What is connected to is what was looked at: a second look at the name could find another address.
        connection._create_connection = _connect_publicly
    try:
        connection.request(method, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, dict(headers or {}))
        answer = connection.getresponse()
        content = answer.read(most + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a URL with characters that no request line takes
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Unreachable(f"{place} does not answer: {reason}") from error
    finally:
        connection.close()
    if len(content) > most:
        raise Unreachable(f"{place} answered with more than {most} bytes")
    return Answer(answer.status, content, tuple(answer.getheaders()))


def _connect_publicly(address: tuple[str, int], *arguments: Any, **options: Any) -> socket.socket:
    """Raises OSError for a host that has no address outside private networks, this machine and the like."""
    host, port = address
    found = [str(place[4][0]) for place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    public = [place for place in found if addresses.is_public(place)]
    if not public or len(public) < len(found):
        raise OSError(f"{host} leads into a private network")
    return socket.create_connection((public[0], port), *arguments, **options)


def signature(secret: bytes, at: int, body: bytes) -> str:
    """`t=SECONDS,v1=HEX`: the HMAC is over the seconds, a dot and the body, so that an old delivery cannot pass for a new one."""
    return f"t={at},v1={hmac.new(secret, f'{at}.'.encode() + body, hashlib.sha256).hexdigest()}"


def get_json(url: str, timeout: float) -> Any:
    """The JSON that `url` answers to a GET; `timeout` in seconds for each step. Raises Unreachable, Refused. Blocks: for the command line."""
    answer = send("GET", url, headers={"accept": "application/json"}, timeout=timeout, most=_MOST)
    if answer.status != 200:
        raise Refused(f"{url} answered {answer.status}", answer.status)
    try:
        return msgspec.json.decode(answer.body)
    except (ValueError, msgspec.DecodeError) as error:
        raise Unreachable(f"{url} did not answer with JSON: {error}") from error
