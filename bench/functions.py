"""What a warm local Python function adds to the time that a client waits: sign-ins of a pool with a trigger beside those of a pool without."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import msgspec
import uvloop

from bench.loadgen import FLOWS
from bench.operations import PASSWORD, create, sign_in
from bench.servers import COGNOMEN
from bench.wire import Connection, Endpoint, ask

TRIES = 300
NAME = "warm"
CODE = """
def handler(event, context):
    return event
"""


def added() -> float:
    """Milliseconds between the medians, one sign-in at a time, with and without in turn."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"{NAME}.py").write_text(CODE)
        with_functions = msgspec.structs.replace(COGNOMEN, command=[*COGNOMEN.command, "--functions", folder])
        with with_functions.running() as running:
            return uvloop.run(_measure(running.url))


async def _measure(url: str) -> float:
    server = Endpoint(url)
    connection = server.connect()
    without = await _client(server, connection, {})
    triggered = await _client(server, connection, {"PreAuthentication": f"arn:aws:lambda:us-east-1:000000000000:function:{NAME}"})
    took: dict[str, list[float]] = {without: [], triggered: []}
    for turn in range(TRIES + 20):
        for client, times in took.items():
            request = sign_in(server, client, "USER_PASSWORD_AUTH", USERNAME="anna", PASSWORD=PASSWORD)
            began = time.perf_counter()
            await ask(connection, request, "InitiateAuth", "AuthenticationResult")
            if turn >= 20:  # the first start the function's process
                times.append(time.perf_counter() - began)
    return (statistics.median(took[triggered]) - statistics.median(took[without])) * 1e3


async def _client(server: Endpoint, connection: Connection, triggers: dict[str, str]) -> str:
    """A client of a new pool with these triggers and the user anna."""
    made = await server.call(connection, "CreateUserPool", PoolName="bench", LambdaConfig=triggers)
    pool = str(made["UserPool"]["Id"])
    await create(server, connection, pool, "anna", [])
    await server.call(connection, "AdminSetUserPassword", UserPoolId=pool, Username="anna", Password=PASSWORD, Permanent=True)
    client = await server.call(connection, "CreateUserPoolClient", UserPoolId=pool, ClientName="bench", ExplicitAuthFlows=FLOWS)
    return str(client["UserPoolClient"]["ClientId"])
