"""What every test has: the rule that it speaks to this machine only, and a server on each database."""

from __future__ import annotations

import ipaddress
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from cognomen.tokens.keys import KeyPair, PreparedKeyMaker, generate_pair
from tests.kit.postgres import Postgres
from tests.kit.server import TestServer, settings_for


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


@pytest.fixture(scope="session")
def signing_pairs() -> list[KeyPair]:
    """Real keys, made once: tests make many pools and prove nothing by making keys."""
    return [generate_pair(), generate_pair()]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL of this test process, started when the first test asks for it.

    Not in pytest's own temporary folder: a later run removes that of an earlier one, which may be running still."""
    with tempfile.TemporaryDirectory(prefix="cognomen-postgres-", ignore_cleanup_errors=True) as folder:
        running = Postgres(Path(folder))
        yield running
        running.stop()


@pytest.fixture
def settings() -> dict[str, Any]:
    """What the tests' server is started with beside its database; a file of tests may have a fixture of its own for it."""
    return {}


@pytest.fixture(params=["sqlite", "postgresql"])
async def server(request: pytest.FixtureRequest, signing_pairs: list[KeyPair], settings: dict[str, Any]) -> AsyncIterator[TestServer]:
    """An empty server, on each database in turn."""
    url = ""
    if request.param == "postgresql":
        url = await request.getfixturevalue("postgres").empty_database()
    running = TestServer(settings_for(url, **settings), PreparedKeyMaker(signing_pairs))
    await running.start()
    yield running
    await running.stop()
