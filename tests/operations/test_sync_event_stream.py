"""The event stream of an identity: who may open it, and what it tells, through the server's ASGI door."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from cognomen.kernel.events import DatasetChanged
from tests.kit.aws_query import query
from tests.kit.identity import ACCOUNT, identity
from tests.kit.server import TestServer
from tests.kit.sync import Device, pool_for_guests, put_as_developer


class Client:
    """One request that stays open until `hang_up`."""

    def __init__(self, server: TestServer, path: str, headers: dict[str, str], query: str = "", *, reads: bool = True) -> None:
        self._reads = asyncio.Event()
        if reads:
            self._reads.set()
        self._sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._over = asyncio.Event()
        self._text = b""
        given = {"host": "localhost:2646", **headers}
        scope = {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()],
            "client": ("127.0.0.1", 50000),
        }
        first = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> dict[str, Any]:
            if first:
                return first.pop()
            await self._over.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            await self._reads.wait()
            self._sent.put_nowait(message)

        self._task = asyncio.create_task(server.server(scope, receive, send))

    def read(self) -> None:
        self._reads.set()

    def unread(self) -> int:
        return self._sent.qsize()

    async def status(self) -> int:
        return int((await asyncio.wait_for(self._sent.get(), 5))["status"])

    async def body(self) -> bytes:
        """Of an answer that is no stream."""
        return bytes((await asyncio.wait_for(self._sent.get(), 5))["body"])

    async def event(self) -> dict[str, str]:
        """The next one, by its fields."""
        while True:
            block, separator, rest = self._text.partition(b"\n\n")
            if separator:
                self._text = rest
                fields = dict(line.split(": ", 1) for line in block.decode().splitlines())
                if fields.get("event") == "sync":
                    return fields
                continue
            self._text += (await asyncio.wait_for(self._sent.get(), 5))["body"]

    async def data(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((await self.event())["data"])
        return found

    async def end(self) -> list[bytes]:
        """What is told before the server ends it."""
        told: list[bytes] = []
        while (message := await asyncio.wait_for(self._sent.get(), 5)).get("more_body"):
            told.append(message["body"])
        return told

    async def hang_up(self) -> None:
        self._over.set()
        await asyncio.wait_for(self._task, 5)


def path_of(device: Device, identity_id: str = "") -> str:
    return f"/identitypools/{device.who['IdentityPoolId']}/identities/{identity_id or device.who['IdentityId']}/events"


@asynccontextmanager
async def listening(device: Device, headers: dict[str, str] | None = None, query: str = "") -> AsyncIterator[Client]:
    client = Client(device.server, path_of(device), device.headers if headers is None else headers, query)
    assert await client.status() == 200
    yield client
    await client.hang_up()


async def refusal(server: TestServer, path: str, headers: dict[str, str], query: str = "") -> tuple[int, str]:
    client = Client(server, path, headers, query)
    status = await client.status()
    code = json.loads(await client.body())["__type"]
    return status, code


class TestEvents:
    async def test_tell_of_every_dataset(self, server: TestServer) -> None:
        """At once, with the keys that a push has; a deletion too."""
        device = await Device.guest(server, await pool_for_guests(server))
        await device.put(a="before")
        async with listening(device) as client:
            await device.put("games", level="1")
            assert await client.data() == {
                "source": "cognito-sync",
                "identityPoolId": device.who["IdentityPoolId"],
                "identityId": device.who["IdentityId"],
                "datasetName": "games",
                "syncCount": "1",
            }
            await put_as_developer(server, device.who, "more", x="1")
            assert (await client.data())["datasetName"] == "more"
            await device.call("DeleteDataset", DatasetName="games")
            deleted = await client.data()
            assert (deleted["datasetName"], deleted["syncCount"]) == ("games", "2")

    async def test_of_another_identity_are_not_heard(self, server: TestServer) -> None:
        device = await Device.guest(server, await pool_for_guests(server))
        other = await Device.guest(server, device.who["IdentityPoolId"])
        async with listening(device) as client:
            await other.put("secret", a="1")
            await device.put("own", a="1")
            assert (await client.data())["datasetName"] == "own"

    async def test_of_a_device_itself_are_left_out(self, server: TestServer) -> None:
        device = await Device.guest(server, await pool_for_guests(server))
        async with listening(device, query="deviceId=phone") as client:
            change = {"Op": "replace", "Key": "a", "Value": "1", "SyncCount": 0}
            token = await device.token("own")
            await device.call("UpdateRecords", DatasetName="own", DeviceId="phone", SyncSessionToken=token, RecordPatches=[change])
            await device.put("other", a="1")
            assert (await client.data())["datasetName"] == "other"

    async def test_that_were_missed_come_when_the_client_does(self, server: TestServer) -> None:
        device = await Device.guest(server, await pool_for_guests(server))
        await device.put("old", a="1")
        server.clock.advance(1)
        async with listening(device) as client:
            await device.put("seen", a="1")
            last = (await client.event())["id"]
        server.clock.advance(1)
        await device.put("missed", a="1")
        async with listening(device, {**device.headers, "last-event-id": last}) as client:
            assert [(await client.data())["datasetName"] for _ in range(2)] == ["seen", "missed"]

    async def test_presigned(self, server: TestServer) -> None:
        """A browser's EventSource sends no headers: the credentials stand in the address."""
        device = await Device.guest(server, await pool_for_guests(server))
        credential = device.headers["authorization"].partition("Credential=")[2].partition(",")[0]
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": credential,
            "X-Amz-Security-Token": device.headers["x-amz-security-token"],
        }
        async with listening(device, {}, urlencode(query)) as client:
            await device.put(a="1")
            assert (await client.data())["syncCount"] == "1"
        other = await Device.guest(server, device.who["IdentityPoolId"])
        assert (await refusal(server, path_of(other), {}, urlencode(query)))[1] == "AccessDeniedException"


class TestRefused:
    async def test_another_identitys(self, server: TestServer) -> None:
        """By its policy, and where the policy allows every identity all the same."""
        device = await Device.guest(server, await pool_for_guests(server))
        other = await Device.guest(server, device.who["IdentityPoolId"])
        path = path_of(device, other.who["IdentityId"])
        assert (await refusal(server, path, device.headers))[1] == "AccessDeniedException"
        free = await Device.guest(server, await pool_for_guests(server, "*", "free"))
        neighbour = await Device.guest(server, free.who["IdentityPoolId"])
        path = path_of(free, neighbour.who["IdentityId"])
        assert (await refusal(server, path, free.headers))[1] == "NotAuthorizedException"

    async def test_an_identity_that_is_not_there(self, server: TestServer) -> None:
        device = await Device.guest(server, await pool_for_guests(server))
        assert (await refusal(server, path_of(device, "us-east-1:0-0"), {}))[1] == "ResourceNotFoundException"
        assert (await refusal(server, path_of(device, "'; DROP"), {}))[1] == "InvalidParameterException"
        assert (await refusal(server, path_of(device, "x" * 5_000), {}))[1] == "InvalidParameterException"

    async def test_more_than_twenty(self, server: TestServer) -> None:
        """Of an identity; whoever hangs up makes room."""
        device = await Device.guest(server, await pool_for_guests(server))
        clients = [Client(server, path_of(device), device.headers) for _ in range(20)]
        assert {await client.status() for client in clients} == {200}
        assert (await refusal(server, path_of(device), device.headers))[1] == "TooManyRequestsException"
        for client in clients:
            await client.hang_up()
        async with listening(device):
            pass

    async def test_expired_credentials(self, server: TestServer) -> None:
        device = await Device.guest(server, await pool_for_guests(server))
        server.clock.advance(86_400)
        assert (await refusal(server, path_of(device), device.headers))[1] == "ExpiredTokenException"


class TestAStreamEnds:
    """Also one that is never silent: the next change is not told any more."""

    async def ends(self, device: Device, client: Client) -> None:
        await put_as_developer(device.server, device.who, "secret", a="1")
        assert b"secret" not in b"".join(await client.end())
        await client.hang_up()

    async def opened(self, server: TestServer) -> tuple[Device, Client]:
        """One that tells of a change every second."""
        device = await Device.guest(server, await pool_for_guests(server))
        client = Client(server, path_of(device), device.headers)
        assert await client.status() == 200
        for number in range(20):
            server.clock.advance(1)
            await put_as_developer(server, device.who, f"busy{number % 9}", **{f"k{number}": "1"})
            await client.event()
        return device, client

    async def test_with_its_credentials(self, server: TestServer) -> None:
        device, client = await self.opened(server)
        server.clock.advance(3_600)
        await self.ends(device, client)

    async def test_when_the_roles_sessions_are_revoked(self, server: TestServer) -> None:
        device, client = await self.opened(server)
        await server.store.roles.revoke(f"arn:aws:iam::{ACCOUNT}:role/guests", server.clock.now() + 1)
        server.clock.advance(15)
        await self.ends(device, client)

    async def test_when_the_policy_allows_it_no_more(self, server: TestServer) -> None:
        device, client = await self.opened(server)
        await query(server, "iam", "DeleteRolePolicy", RoleName="guests", PolicyName="sync")
        server.clock.advance(15)
        await self.ends(device, client)

    async def test_with_its_identity(self, server: TestServer) -> None:
        device, client = await self.opened(server)
        await identity(server, "DeleteIdentities", IdentityIdsToDelete=[device.who["IdentityId"]])
        server.clock.advance(15)
        server.server.rooms.events.emit(
            DatasetChanged(at=0, pool_id=device.who["IdentityPoolId"], identity_id=device.who["IdentityId"], waits=False)
        )
        await client.end()
        await client.hang_up()


class TestASlowReader:
    async def test_holds_nothing_up(self, server: TestServer) -> None:
        """What changes while it does not read is told once, when it does: as many events as there are datasets, however many changes."""
        device = await Device.guest(server, await pool_for_guests(server))
        client = Client(server, path_of(device), device.headers, reads=False)
        for number in range(200):
            await put_as_developer(server, device.who, f"set{number % 3}", **{f"k{number}": "1"})
        assert client.unread() <= 2  # the server waits for its reader
        client.read()
        assert await client.status() == 200
        last = {(event := await client.data())["datasetName"]: event["syncCount"] for _ in range(3)}
        assert last == {"set0": "67", "set1": "67", "set2": "66"}
        await client.hang_up()


async def test_a_stream_ends_with_its_server(server: TestServer) -> None:
    device = await Device.guest(server, await pool_for_guests(server))
    client = Client(server, path_of(device), device.headers)
    assert await client.status() == 200
    server.server.hang_up()
    await asyncio.wait_for(client._task, 5)


async def test_the_events_of_cognito_are_another_operation(server: TestServer) -> None:
    """GetCognitoEvents has a path that looks the same."""
    pool_id = await pool_for_guests(server)
    assert (await server.send("GET", f"/identitypools/{pool_id}/events")).json == {"Events": {}}
    assert await identity(server, "DescribeIdentityPool", IdentityPoolId=pool_id)
