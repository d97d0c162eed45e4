"""A whole server in the test's own process and event loop, spoken to in bytes through its ASGI door, with a clock that tests move."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from cognomen.app import Server
from cognomen.config import Settings, load
from cognomen.delivery.inbox import Kept
from cognomen.kernel.clock import ManualClock
from cognomen.kernel.secrets import MasterKey
from cognomen.tokens.keys import KeyMaker
from tests.kit.functions import Functions

TARGETS = {
    "cognito-idp": "AWSCognitoIdentityProviderService",
    "cognito-identity": "AWSCognitoIdentityService",
}
PASSWORD = "Correct-Horse-9"


class AwsError(Exception):
    """An error answer, as a client sees it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message


class Reply:
    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = {name.decode().lower(): value.decode() for name, value in headers}
        given = [value.decode().partition(";")[0] for name, value in headers if name.lower() == b"set-cookie"]
        self.cookies = [(each.partition("=")[0], each) for each in given]  # by name, as a browser sends them back
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class TestServer:
    """`call` speaks JSON 1.1 and raises AwsError; `send` sends any request."""

    __test__ = False

    def __init__(self, settings: Settings, key_maker: KeyMaker, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.functions = Functions()
        key = MasterKey(b"\x07" * 32)
        self.server = Server(settings, clock=self.clock, key_maker=key_maker, key=key, functions=self.functions, strict=True)

    @property
    def store(self) -> Any:
        return self.server.rooms.store

    async def start(self) -> TestServer:
        await self.server.start()
        return self

    async def alone(self) -> TestServer:
        """Ends what runs beside the requests: from now on the test decides when logs are delivered and pools removed."""
        for task in self.server._beside:
            task.cancel()
        await asyncio.gather(*self.server._beside, return_exceptions=True)
        return self

    async def stop(self) -> None:
        await self.server.stop()

    async def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        query: str = "",
        host: str = "localhost:2646",
    ) -> Reply:
        given = {"host": host, **(headers or {})}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 2646),
        }
        sent: list[dict[str, Any]] = []
        bodies = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            return bodies.pop() if bodies else {"type": "http.disconnect"}

        async def answer(message: Any) -> None:
            sent.append(message)

        await self.server(scope, receive, answer)
        start = sent[0]
        return Reply(start["status"], list(start["headers"]), b"".join(message.get("body", b"") for message in sent[1:]))

    async def raw(self, operation: str, body: bytes, service: str = "cognito-idp", headers: dict[str, str] | None = None) -> Reply:
        given = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"{TARGETS[service]}.{operation}", **(headers or {})}
        return await self.send("POST", "/", body, given)

    async def call(self, operation: str, *, region: str = "", **members: Any) -> Any:
        """The operation's answer. `region` is named as a signature would name it. Raises AwsError."""
        headers = {}
        if region:
            scope = f"Credential=AKIDTEST/20260101/{region}/cognito-idp/aws4_request"
            headers["authorization"] = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature={'0' * 64}"
        reply = await self.raw(operation, json.dumps(members).encode(), headers=headers)
        answer = reply.json
        if reply.status != 200:
            raise AwsError(reply.status, answer["__type"], answer.get("message", ""))
        return answer

    async def messages(self, to: str | None = None) -> list[Kept]:
        """What was sent, newest first."""
        return await self.server.inbox.newest(to)

    async def senders_settled(self) -> None:
        """Once every custom sender has done what it was asked to."""
        await self.server.rooms.triggers.senders.settled()

    async def code(self, to: str) -> str:
        """The code in the newest message to an address."""
        newest = (await self.messages(to))[0]
        assert newest.code is not None
        return newest.code

    async def pool(self, **members: Any) -> str:
        """A new pool's id; `PoolName` and whatever else CreateUserPool takes."""
        answer = await self.call("CreateUserPool", **{"PoolName": "test", **members})
        return str(answer["UserPool"]["Id"])

    async def client(self, pool_id: str, **members: Any) -> str:
        """A new client's id, allowed every flow of passwords unless told."""
        flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
        answer = await self.call(
            "CreateUserPoolClient", **{"UserPoolId": pool_id, "ClientName": "app", "ExplicitAuthFlows": flows, **members}
        )
        return str(answer["UserPoolClient"]["ClientId"])

    async def user(self, pool_id: str, username: str, password: str = PASSWORD, **attributes: str) -> str:
        """A confirmed user with a permanent password; returns the sub. Attribute names with a colon: `**{"custom:x": "1"}`."""
        pairs = [{"Name": name, "Value": value} for name, value in attributes.items()]
        made = await self.call("AdminCreateUser", UserPoolId=pool_id, Username=username, MessageAction="SUPPRESS", UserAttributes=pairs)
        await self.call("AdminSetUserPassword", UserPoolId=pool_id, Username=username, Password=password, Permanent=True)
        return next(str(item["Value"]) for item in made["User"]["Attributes"] if item["Name"] == "sub")

    async def sign_in(self, client_id: str, username: str, password: str = PASSWORD, **parameters: str) -> Any:
        """The AuthenticationResult of a password sign-in, or the challenge."""
        answer = await self.call(
            "InitiateAuth",
            ClientId=client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": username, "PASSWORD": password, **parameters},
        )
        return answer.get("AuthenticationResult", answer)


def settings_for(database_url: str, data: str | Path = ":memory:", **more: object) -> Settings:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COGNOMEN_")}
    return load(None, environment, data=str(data), database_url=database_url or None, **more)
