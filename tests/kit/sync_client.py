"""cognomen-sync against the server in the test's own process, over a transport that loses requests and answers, and files that crash."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from cognomen_sync import LocalFile
from tests.kit.aws_query import query
from tests.kit.identity import Directory, identity, identity_pool, role, trust
from tests.kit.server import TestServer

URL = "http://localhost:2646"


class Crash(BaseException):
    """The process ends here: nothing that follows is carried out."""


class World:
    """A server, an identity pool for guests and for users of a user pool, and the loop in which the server lives."""

    def __init__(self, loop: asyncio.AbstractEventLoop, server: TestServer) -> None:
        self.loop, self.server = loop, server
        self.pool_id = ""
        self.directory: Directory

    @classmethod
    async def made(cls, server: TestServer) -> World:
        world = cls(asyncio.get_running_loop(), server)
        world.directory = await Directory.made(server)
        world.pool_id = await identity_pool(server, CognitoIdentityProviders=[world.directory.provider()])
        arns = {}
        for kind in ("authenticated", "unauthenticated"):
            arns[kind] = await role(server, kind, trust(world.pool_id, kind))
            statement = {"Effect": "Allow", "Action": "cognito-sync:*", "Resource": "*"}
            document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            await query(server, "iam", "PutRolePolicy", RoleName=kind, PolicyName="sync", PolicyDocument=document)
        await identity(server, "SetIdentityPoolRoles", IdentityPoolId=world.pool_id, Roles=arns)
        return world

    async def answer(self, request: httpx.Request, body: bytes) -> httpx.Response:
        path, _, asked = request.url.raw_path.decode().partition("?")
        headers = {name.decode().lower(): value.decode() for name, value in request.headers.raw}
        reply = await self.server.send(request.method, path, body, headers, query=asked)
        return httpx.Response(reply.status, headers=reply.headers, content=reply.body)


class Hooks:
    """`before` and `after` a request may raise, or edit; what was asked is written down in `asked`, updates that were answered well in `applied`
    (with nothing for a dataset that was deleted)."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.before: Callable[[httpx.Request], None] = lambda request: None
        self.after: Callable[[httpx.Request], None] = lambda request: None
        self.asked: list[str] = []
        self.applied: list[tuple[str, dict[str, Any]]] = []

    async def carried(self, request: httpx.Request, body: bytes) -> httpx.Response:
        self.asked.append(request.headers.get("x-amz-target", request.method).rpartition(".")[2])
        self.before(request)
        response = await self._world.answer(request, body)
        if request.method in ("POST", "DELETE") and "/datasets/" in request.url.path and response.status_code == 200:
            self.applied.append((request.url.path, json.loads(body) if body else {}))
        self.after(request)
        return response


class Wire(httpx.BaseTransport):
    """Drives the server's loop for each request: for tests that have no loop of their own."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._hooks._world.loop.run_until_complete(self._hooks.carried(request, request.read()))


class AsyncWire(Hooks, httpx.AsyncBaseTransport):
    """Within the loop that runs already."""

    meanwhile: Callable[[httpx.Request], Awaitable[None]] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        if self.meanwhile is not None:
            await self.meanwhile(request)
        return await self.carried(request, body)


class CrashingFile(LocalFile):
    """`countdown` commits are carried out, the next one crashes: before it, or once it is done."""

    countdown = -1
    done = False

    def commit(self) -> None:
        self.countdown -= 1
        if self.countdown == -1 and not self.done:
            raise Crash
        super().commit()
        if self.countdown == -1:
            raise Crash
