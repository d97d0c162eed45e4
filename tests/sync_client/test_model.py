"""Several devices, two users and guests: random edits, deletions, merges, sign-outs, crashes and lost answers. In the end all devices of a user hold
the same, every write is stored that nobody gave up, and none has moved into another dataset or to another user."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from cognomen.tokens.keys import KeyPair, PreparedKeyMaker
from tests.kit.server import TestServer, settings_for
from tests.kit.sync_client import World
from tests.sync_client.model import Devices


def worlds(url: str, pairs: list[KeyPair]) -> Iterator[World]:
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(TestServer(settings_for(url), PreparedKeyMaker(pairs)).start())
    yield loop.run_until_complete(World.made(server))
    loop.run_until_complete(server.stop())
    loop.close()


@pytest.fixture(scope="module")
def world(signing_pairs: list[KeyPair]) -> Iterator[World]:
    yield from worlds("", signing_pairs)


@pytest.fixture
def postgres_world(request: pytest.FixtureRequest, signing_pairs: list[KeyPair]) -> Iterator[World]:
    url = asyncio.run(request.getfixturevalue("postgres").empty_database())
    yield from worlds(url, signing_pairs)


def run(world: World, examples: int, steps: int, *, asynchronous: bool) -> None:
    class Here(Devices):
        pass

    Here.world, Here.asynchronous = world, asynchronous
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


@pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "asyncio"])
def test_devices_converge_and_no_write_is_lost(world: World, asynchronous: bool) -> None:
    """Whatever happens between any two steps."""
    run(world, 30, 25, asynchronous=asynchronous)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "asyncio"])
def test_devices_converge_in_long_walks(world: World, asynchronous: bool) -> None:
    """The same for longer lives."""
    run(world, 300, 60, asynchronous=asynchronous)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_devices_converge_on_postgresql(postgres_world: World) -> None:
    """The same on the other database."""
    run(postgres_world, 100, 40, asynchronous=False)
