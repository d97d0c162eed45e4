"""Servers on loopback that take their time: they never end an answer, or never begin one."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from types import TracebackType

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"


class Dripping:
    """Answers each connection with `first`, and then a byte every twentieth of a second. `url` is https where a context is given."""

    def __init__(self, first: bytes = HEAD, *, tls: ssl.SSLContext | None = None) -> None:
        self._first = first
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._ended = threading.Event()
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Dripping:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._drip, args=(plain,), daemon=True).start()

    def _drip(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError), self._tls.wrap_socket(plain, server_side=True) if self._tls else plain as connected:
            connected.recv(65_536)
            connected.sendall(self._first)
            while not self._ended.wait(0.05):
                connected.sendall(b"x")
