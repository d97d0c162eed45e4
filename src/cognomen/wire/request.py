"""A request as it came and an answer as it goes: bytes, no meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Header = tuple[bytes, bytes]


class HttpRequest:
    """One HTTP request. `headers` are as sent (names in lower case, repeated ones kept), `header` finds one."""

    __slots__ = ("_by_name", "body", "client", "headers", "method", "path", "query_string", "raw_path", "scheme")

    def __init__(
        self,
        method: str,
        raw_path: bytes,
        query_string: bytes = b"",
        headers: list[Header] | None = None,
        body: bytes = b"",
        *,
        path: str = "/",
        client: str = "",
        scheme: str = "http",
    ) -> None:
        self.method = method
        self.raw_path = raw_path
        self.path = path
        self.query_string = query_string
        self.headers = headers or []
        self.body = body
        self.client = client
        self.scheme = scheme
        self._by_name = dict(self.headers)

    @classmethod
    def of(cls, scope: Mapping[str, Any]) -> HttpRequest:
        """The request of an ASGI scope, its body still to come."""
        client = scope.get("client")
        return cls(
            scope["method"],
            scope.get("raw_path") or scope["path"].encode(),
            scope["query_string"],
            scope["headers"],
            path=scope["path"],
            client=client[0] if client else "",
            scheme=scope.get("scheme", "http"),
        )

    def header(self, name: bytes) -> bytes | None:
        """The value of a header by its lower-case name; the last one where it is repeated."""
        return self._by_name.get(name)

    def text(self, name: bytes) -> str:
        """A header as text, empty where it is absent."""
        value = self._by_name.get(name)
        return "" if value is None else value.decode("latin-1")


class Answer:
    """What goes back; `headers` lack content-length, which the dispatcher adds."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: list[Header], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body
