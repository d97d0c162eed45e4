"""What every test has: nothing yet but the rule that a test speaks to this machine only."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest


def is_loopback(host: object) -> bool:
    try:
        return host in ("", "localhost") or ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return str(host).endswith(".localhost")


@pytest.fixture(autouse=True, scope="session")
def loopback_only() -> Iterator[None]:
    """Sockets of Python go to loopback; a test that would leave the machine fails with the address it wanted."""
    genuine = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_loopback(address[0]):
            raise AssertionError(f"a test wanted to leave this machine, to {address}")
        genuine(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        yield
