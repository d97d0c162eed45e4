"""The only way out to HTTP. Refuses redirects, proxies of the environment, and answers that are too large or too late."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cognomen.kernel import addresses, received

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
    """One request and its answer, whatever its status; `timeout` in seconds for all of it but the look-up of the name, which has the
    resolver's own limit; `most` bytes of a body. Raises Unreachable. With `public_only` an address in a private network is refused, by
    whatever name it goes; `context` is whom https trusts, if not the public roots.

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
    end = _Deadline(timeout)
    connection._create_connection = partial(_connect, end, public_only)
    connection.response_class = partial(_Response, end)
    try:
        connection.connect()
        connection.sock.settimeout(end.left())
        connection.request(method, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, dict(headers or {}))
        with connection.getresponse() as answer:  # what is not read to its end would hold the socket open
            content = answer.read(most + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a URL with characters that no request line takes
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Unreachable(f"{place} does not answer: {reason}") from error
    finally:
        connection.close()
    if len(content) > most:
        raise Unreachable(f"{place} answered with more than {most} bytes")
    return Answer(answer.status, content, tuple(answer.getheaders()))


class _Deadline:
    """A time limit of a socket holds for each step, and begins again with each byte that comes: a server that drips would be waited for
    without end."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds. Raises TimeoutError where none are."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


class _Response(http.client.HTTPResponse):
    def __init__(self, end: _Deadline, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_Incoming(self.fp, sock, end))


class _Incoming(io.RawIOBase):
    """What comes in by a socket until the deadline. Keeps and closes the stream that http.client made, which keeps the socket open."""

    def __init__(self, stream: io.BufferedIOBase, sock: socket.socket, end: _Deadline) -> None:
        self._stream = stream
        self._sock = sock
        self._end = end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._end.left())
        return self._sock.recv_into(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _connect(end: _Deadline, public_only: bool, address: tuple[str, int], *_: Any) -> socket.socket:
    """Tries the host's addresses. Raises OSError, also, where `public_only`, for a host that has any address in a private network, on this
    machine or the like. What is connected to is what was looked at: a second look at the name could find another address."""
    host, port = address
    found = [str(place[4][0]) for place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if public_only and not all(addresses.is_public(place) for place in found):
        raise OSError(f"{host} leads into a private network")
    failure = OSError(f"{host} has no address")
    for place in found:
        try:
            connected = socket.create_connection((place, port), end.left())
        except OSError as error:
            failure = error
        else:
            connected.settimeout(end.left())
            return connected
    raise failure


def signature(secret: bytes, at: int, body: bytes, *, about: str = "") -> str:
    """`t=SECONDS,v1=HEX`: the HMAC is over the seconds, a dot and the body, so that an old delivery cannot pass for a new one; `about` is
    what a header beside it says, and comes with another dot between the two."""
    head = f"{at}.{about}." if about else f"{at}."
    return f"t={at},v1={hmac.new(secret, head.encode() + body, hashlib.sha256).hexdigest()}"


def get_json(url: str, timeout: float) -> Any:
    """The JSON that `url` answers to a GET; `timeout` in seconds. Raises Unreachable, Refused. Blocks: for the command line."""
    answer = send("GET", url, headers={"accept": "application/json"}, timeout=timeout, most=_MOST)
    if answer.status != 200:
        raise Refused(f"{url} answered {answer.status}", answer.status)
    try:
        return received.json(answer.body)
    except received.NotJson as error:
        raise Unreachable(f"{url} did not answer with JSON") from error
