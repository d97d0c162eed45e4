"""An OpenID Connect provider on loopback: its discovery document, its keys, tokens that it signs with any algorithm; and an API that answers by path."""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from cognomen.kernel import base64url


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that does not trust the certificate hangs up."""


class Asked(NamedTuple):
    """`query` and `form` by name, the last value of each."""

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]


class Raw(NamedTuple):
    """An answer as it is."""

    status: int
    body: bytes


class Provider:
    """`answers` are JSON by path, asked without the query, or functions that make it of what was asked; what is not there is a 404. `asked` are
    (path with query, headers)."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answers: dict[str, Any] = {}
        self.key: Any = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer({})

            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
                self._answer(dict(parse_qsl(form, keep_blank_values=True)))

            def _answer(self, form: dict[str, str]) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                provider.asked.append((self.path, headers))
                path, _, query = self.path.partition("?")
                found = provider.answers.get(path)
                if callable(found):
                    found = found(Asked(self.command, path, dict(parse_qsl(query, keep_blank_values=True)), form, headers))
                raw = found if isinstance(found, Raw) else Raw(200 if found is not None else 404, json.dumps(found).encode())
                self.send_response(raw.status)
                self.send_header("content-length", str(len(raw.body)))
                self.end_headers()
                self.wfile.write(raw.body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.name = f"127.0.0.1:{self._server.server_port}"
        self.url = f"{'http' if tls is None else 'https'}://{self.name}"
        self.publish(self.key)

    def publish(self, *keys: Any) -> None:
        self.answers["/.well-known/openid-configuration"] = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        self.answers["/keys"] = {"keys": [key.as_dict(private=False) for key in keys]}

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def claims(self, now: float, **more: Any) -> dict[str, Any]:
        return {"iss": self.url, "sub": "user-1", "aud": "app", "iat": int(now), "exp": int(now) + 600, **more}

    def token(self, claims: dict[str, Any], *, key: Any = None, alg: str = "RS256", **header: Any) -> str:
        key = key or self.key
        return jwt.encode({"alg": alg, "kid": key.kid, **header}, claims, key, algorithms=[alg])

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()


def ec_key() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: str = "") -> str:
    return ".".join((*(base64url.encode(json.dumps(part).encode()) for part in (header, claims)), signature))
