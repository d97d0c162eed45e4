"""Loads one operation of one server on loopback and prints one line of JSON: throughput, latency, errors, the server's processor time.

    python -m bench.loadgen --endpoint http://127.0.0.1:2646 --op AdminGetUser --connections 16 --seconds 5 --pid PID

A run first makes what its operation needs; with --state FILE the next run finds it there. `--op Provision` does only that.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import psutil
import uvloop

from bench.operations import CHECKED, OPERATIONS, PAGE, PAGES_NEEDED, PASSWORD, Population, create, sign_in, username
from bench.wire import Connection, Endpoint, Refused, ask

FLOWS = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH"]
LANES = 16
TOKENS = 32
TROUBLE = (Refused, OSError, KeyError, ValueError)


def main() -> int:
    options = arguments()
    row: dict[str, Any] = {"op": options.op}
    try:
        row |= uvloop.run(run(options))
    except TROUBLE as error:
        row["first_error"] = f"{type(error).__name__}: {error}"[:300]
    print(msgspec.json.encode(row).decode())
    return "first_error" in row


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--op", required=True, choices=[*OPERATIONS, "Provision"])
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--users", type=int, default=1000, help="users in the pool")
    parser.add_argument("--confirmed", type=int, default=100, help="how many of them can sign in")
    parser.add_argument("--provision-seconds", type=float, default=600, help="give up making users after so long")
    parser.add_argument("--state", type=Path, help="keeps what was made for the next run")
    parser.add_argument("--pid", type=int, help="the server, whose processor time and memory are read")
    return parser.parse_args()


async def run(options: argparse.Namespace) -> dict[str, Any]:
    server = Endpoint(options.endpoint)
    there = Population()
    if options.state and options.state.exists():
        there = msgspec.json.decode(options.state.read_bytes(), type=Population)
    before, began = there.users, time.perf_counter()
    try:
        await provision(server, there, options)
    finally:
        if options.state:
            options.state.write_bytes(msgspec.json.encode(there))
    took = time.perf_counter() - began
    row: dict[str, Any] = {"users": there.users}
    if options.op == "Provision":
        made = there.users - before
        return row | {"ops": made, "seconds": round(took, 2), "ops_per_s": round(made / took, 1)} | memory(options.pid)
    if options.op in CHECKED:
        row["refuses_wrong_password"] = await refuses(server, there, options.op)
    return row | await measure(server, there, options)


# ---- what an operation needs


async def provision(server: Endpoint, there: Population, options: argparse.Namespace) -> None:
    connection = server.connect()
    if not there.pool:
        pool = await server.call(connection, "CreateUserPool", PoolName="bench")
        there.pool = pool["UserPool"]["Id"]
        client = await server.call(connection, "CreateUserPoolClient", UserPoolId=there.pool, ClientName="bench", ExplicitAuthFlows=FLOWS)
        there.client = client["UserPoolClient"]["ClientId"]

    async def add(lane: Connection, number: int) -> None:
        name = username(number)
        attributes = {"email": f"{name}@example.com", "email_verified": "true", "name": f"User {number}"}
        await create(server, lane, there.pool, name, [{"Name": key, "Value": value} for key, value in attributes.items()])

    async def confirm(lane: Connection, number: int) -> None:
        who = username(number)
        await server.call(lane, "AdminSetUserPassword", UserPoolId=there.pool, Username=who, Password=PASSWORD, Permanent=True)

    end = time.perf_counter() + options.provision_seconds
    there.users += await spread(server, range(there.users, options.users), add, end)
    there.confirmed += await spread(server, range(there.confirmed, min(options.confirmed, there.users)), confirm, end)
    if options.op in ("GetUser", "Refresh") and not there.access_tokens:
        for number in range(min(TOKENS, there.confirmed)):
            request = sign_in(server, there.client, "USER_PASSWORD_AUTH", USERNAME=username(number), PASSWORD=PASSWORD)
            tokens = (await ask(connection, request, "InitiateAuth", "AuthenticationResult"))["AuthenticationResult"]
            there.access_tokens.append(tokens["AccessToken"])
            there.refresh_tokens.append(tokens["RefreshToken"])
    if options.op in PAGES_NEEDED and str(PAGES_NEEDED[options.op]) not in there.pages:
        there.pages[str(PAGES_NEEDED[options.op])] = await turn_to(server, there, PAGES_NEEDED[options.op])


async def spread(server: Endpoint, numbers: Iterable[int], work: Callable[[Connection, int], Awaitable[None]], end: float) -> int:
    """Does `work` for each number over a few connections until the moment `end`; says how many were done, which are the first so many."""
    waiting, done = iter(numbers), itertools.count()

    async def lane() -> None:
        connection = server.connect()
        while time.perf_counter() < end and (number := next(waiting, None)) is not None:
            await work(connection, number)
            next(done)

    await asyncio.gather(*[lane() for _ in range(LANES)])
    return next(done)


async def turn_to(server: Endpoint, there: Population, page: int) -> str:
    """The token that leads to a page. Raises Refused where the pool has not so many."""
    connection, token = server.connect(), ""
    for number in range(1, page):
        members = {"PaginationToken": token} if token else {}
        token = (await server.call(connection, "ListUsers", UserPoolId=there.pool, Limit=PAGE, **members)).get("PaginationToken", "")
        if not token:
            raise Refused(f"ListUsers: {number} pages only")
    return token


async def refuses(server: Endpoint, there: Population, operation: str) -> bool:
    try:
        await CHECKED[operation](server, there, 0)(server.connect())
    except Refused as error:
        return ": 4" in str(error)
    return False


# ---- measuring


async def measure(server: Endpoint, there: Population, options: argparse.Namespace) -> dict[str, Any]:
    latencies: list[float] = []
    errors: list[str] = []
    clock = time.perf_counter
    processor, own, began = cpu(options.pid), time.process_time(), clock()

    async def lane(number: int) -> None:
        connection, step = server.connect(), OPERATIONS[options.op](server, there, number)
        while (start := clock()) < began + options.seconds:
            try:
                await step(connection)
                latencies.append(clock() - start)
            except TROUBLE as error:
                errors.append(f"{type(error).__name__}: {error}"[:300])
                await asyncio.sleep(0.002)

    await asyncio.gather(*[lane(number) for number in range(options.connections)])
    wall, count = clock() - began, len(latencies)
    row: dict[str, Any] = {"ops": count, "errors": len(errors), "ops_per_s": round(count / wall, 1)}
    if errors:
        row["first_error"] = errors[0]
    if count:
        latencies.sort()
        row |= {f"p{q}_ms": round(latencies[min(count - 1, count * q // 100)] * 1e3, 3) for q in (50, 90, 99)}
        row["client_cpu_ms"] = round((time.process_time() - own) / count * 1e3, 3)
        if options.pid:
            row["server_cpu_ms"] = round((cpu(options.pid) - processor) / count * 1e3, 4)
    return row | memory(options.pid)


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def cpu(pid: int | None) -> float:
    """Seconds of processor time that a server and its children have used."""
    times = [process.cpu_times() for process in family(pid)] if pid else []
    return float(sum(used.user + used.system for used in times))


def memory(pid: int | None) -> dict[str, float]:
    return {"server_rss_mb": round(sum(process.memory_info().rss for process in family(pid)) / 2**20, 1)} if pid else {}


if __name__ == "__main__":
    sys.exit(main())
