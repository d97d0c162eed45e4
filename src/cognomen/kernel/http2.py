"""HTTP/2 out, for the one service that speaks nothing else (Apple's push): a kept connection to one host, one request at a time. Blocks: for threads.

No proxies and no redirects, as kernel/outbound. https://www.rfc-editor.org/rfc/rfc9113
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

from cognomen.kernel.outbound import Answer, Unreachable

_MOST = 1 << 16  # bytes of an answer
_READ = 1 << 14


class Http2:
    """`url` is an https address without a path; `ca_file` holds the authorities that sign its certificate, empty for the system's."""

    def __init__(self, url: str, ca_file: str, timeout: float) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 443
        self._place = f"https://{parts.netloc}"
        self._timeout = timeout
        self._tls = ssl.create_default_context(cafile=ca_file or None)
        self._tls.set_alpn_protocols(["h2"])
        self._lock = threading.Lock()
        self._open: tuple[ssl.SSLSocket, H2Connection] | None = None

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Whatever its status. Raises Unreachable. A kept connection that proves dead is replaced, once."""
        with self._lock:
            kept = self._open is not None
            try:
                return self._post(path, headers, body)
            except (OSError, ProtocolError, Unreachable) as error:
                self._close()
                if not kept or isinstance(error, TimeoutError):
                    raise Unreachable(f"{self._place} does not answer: {type(error).__name__}") from error
            try:
                return self._post(path, headers, body)
            except (OSError, ProtocolError, Unreachable) as error:
                self._close()
                raise Unreachable(f"{self._place} does not answer: {type(error).__name__}") from error

    def close(self) -> None:
        with self._lock:
            self._close()

    def _post(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        connected, connection = self._open = self._open or self._connect()
        stream = connection.get_next_available_stream_id()
        fixed = [(":method", "POST"), (":scheme", "https"), (":authority", self._place.removeprefix("https://")), (":path", path)]
        connection.send_headers(stream, [*fixed, *headers.items(), ("content-length", str(len(body)))])
        connection.send_data(stream, body, end_stream=True)
        connected.sendall(connection.data_to_send())
        status, given, content = 0, [], b""
        while True:
            received = connected.recv(_READ)
            if not received:
                raise Unreachable("closed")
            for event in connection.receive_data(received):
                if isinstance(event, ConnectionTerminated) or (isinstance(event, StreamReset) and event.stream_id == stream):
                    raise Unreachable("ended")
                if isinstance(event, ResponseReceived) and event.stream_id == stream:
                    given = [(_text(name), _text(value)) for name, value in event.headers]
                    status = int(dict(given)[":status"])
                elif isinstance(event, DataReceived) and event.stream_id == stream:
                    content += event.data
                    connection.acknowledge_received_data(event.flow_controlled_length, stream)
                    if len(content) > _MOST:
                        raise Unreachable("too much")
                elif isinstance(event, StreamEnded) and event.stream_id == stream:
                    connected.sendall(connection.data_to_send())
                    return Answer(status, content, tuple(given))
            connected.sendall(connection.data_to_send())

    def _connect(self) -> tuple[ssl.SSLSocket, H2Connection]:
        plain = socket.create_connection((self._host, self._port), self._timeout)
        try:
            connected = self._tls.wrap_socket(plain, server_hostname=self._host)
        except OSError:
            plain.close()
            raise
        if connected.selected_alpn_protocol() != "h2":
            connected.close()
            raise Unreachable("it does not speak HTTP/2")
        connection = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        connection.initiate_connection()
        connected.sendall(connection.data_to_send())
        return connected, connection

    def _close(self) -> None:
        if self._open is not None:
            self._open[0].close()
            self._open = None


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
