"""Identity pools and Cognito Sync under load: `python -m bench.identities [--seconds 4] [--identities 1000000]`.

Sixteen connections to one server in `dev` on SQLite: logins are verified, credentials opened and policies asked as in `serve`; only the
requests' own signatures are not checked. With --identities the pool is filled (three datasets each) and all is measured once more.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from bench.loadgen import FLOWS, cpu
from bench.operations import PASSWORD, sign_in
from bench.servers import COGNOMEN, Running
from bench.targets import Verdict
from bench.wire import Connection, Endpoint, ask

LANES = 16
KEYS = 10  # records of an update
LEAST = {"GetId": 1_500, "GetCredentialsForIdentity": 1_500, "UpdateRecords": 1_500, "ListRecords": 3_000}  # a second
GROWTH = 1.5
PART = "identity pools and Sync"
ISSUER = "cognito-idp.us-east-1.amazonaws.com"
INSERT_DATASET = (
    "INSERT INTO sync_datasets (pool_id, identity_id, name, present, created_at, modified_at, modified_by, sync_count, deleted_count, records,"
    " bytes, removed_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
INSERT_RECORD = (
    "INSERT INTO sync_records (pool_id, identity_id, name, key_id, key, value, sync_count, modified_at, modified_by, device_modified_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
Step = Callable[[Connection], Awaitable[object]]


class Row(msgspec.Struct):
    per_second: float
    median_ms: float
    processor_ms: float


class Lane:
    """A user with an identity, their token and the identity's credentials."""

    def __init__(self, server: Endpoint, pool: str, login: dict[str, str], identity: str, session: dict[str, str]) -> None:
        self.server, self.pool, self.login, self.identity = server, pool, login, identity
        key = f"Credential={session['AccessKeyId']}/20260101/us-east-1/cognito-sync/aws4_request"
        self.headers = {
            "authorization": f"AWS4-HMAC-SHA256 {key}, SignedHeaders=host, Signature={'0' * 64}",
            "x-amz-security-token": session["SessionToken"],
        }
        self.path = f"/identitypools/{pool}/identities/{identity}/datasets/settings".replace(":", "%3A")
        self.token = ""
        self.count = 0

    async def get_id(self, connection: Connection) -> None:
        await ask(connection, identity(self.server, "GetId", IdentityPoolId=self.pool, Logins=self.login), "GetId", "IdentityId")

    async def get_credentials(self, connection: Connection) -> None:
        request = identity(self.server, "GetCredentialsForIdentity", IdentityId=self.identity, Logins=self.login)
        await ask(connection, request, "GetCredentialsForIdentity", "Credentials")

    async def list_records(self, connection: Connection) -> None:
        listed = await ask(connection, rest(self.server, "GET", f"{self.path}/records", b"", self.headers), "ListRecords", "Records")
        self.token = listed["SyncSessionToken"]
        self.count = listed["DatasetSyncCount"]

    async def update_records(self, connection: Connection) -> None:
        patches = [{"Op": "replace", "Key": f"key{n}", "Value": f"value {n} {self.count}", "SyncCount": self.count} for n in range(KEYS)]
        body = msgspec.json.encode({"SyncSessionToken": self.token, "RecordPatches": patches})
        answer = await ask(connection, rest(self.server, "POST", self.path, body, self.headers), "UpdateRecords", "Records")
        self.count = answer["Records"][0]["SyncCount"]


def identity(server: Endpoint, operation: str, **members: Any) -> bytes:
    body = msgspec.json.encode(members)
    target = f"AWSCognitoIdentityService.{operation}"
    return rest(server, "POST", "/", body, {"content-type": "application/x-amz-json-1.1", "x-amz-target": target})


def rest(server: Endpoint, method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\nhost: {server.host}:{server.port}\r\n{lines}content-length: {len(body)}\r\n\r\n".encode() + body


def main() -> None:
    options = arguments()
    few, many = both(options.seconds, options.identities)
    show(few, many, options.identities)


def verdicts(*, quick: bool) -> list[Verdict]:
    """The rows of `make bench`: with few identities, and beside a million of them (none with --quick)."""
    identities = 0 if quick else 1_000_000
    few, many = both(1.0 if quick else 4.0, identities)
    rows = [
        Verdict(
            part=PART,
            name=name,
            value=row.per_second,
            target=LEAST[name],
            at="least",
            unit="/s",
            note=f"{row.processor_ms:.3f} ms of processor time",
        )
        for name, row in few.items()
    ]
    for name, row in many.items():
        note = f"{few[name].median_ms:.2f} ms, then {row.median_ms:.2f} ms"
        growth = row.median_ms / few[name].median_ms
        rows.append(Verdict(part=f"{identities:,} identities", name=name, value=growth, target=GROWTH, at="most", note=note))
    return rows


def both(seconds: float, identities: int) -> tuple[dict[str, Row], dict[str, Row]]:
    with COGNOMEN.running() as running:
        lanes = uvloop.run(made(running))
        few = measured(running, lanes, seconds)
        if not identities:
            return few, {}
        fill(running.state.parent / "cognomen.db", lanes[0].pool, identities)
        return few, measured(running, lanes, seconds)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--identities", type=int, default=0, help="how many more the pool holds when all is measured again")
    return parser.parse_args()


async def made(running: Running) -> list[Lane]:
    server = Endpoint(running.url)
    connection = server.connect()
    pool = (await server.call(connection, "CreateUserPool", PoolName="bench"))["UserPool"]["Id"]
    client = (await server.call(connection, "CreateUserPoolClient", UserPoolId=pool, ClientName="bench", ExplicitAuthFlows=FLOWS))[
        "UserPoolClient"
    ]["ClientId"]
    provider = {"ProviderName": f"{ISSUER}/{pool}", "ClientId": client, "ServerSideTokenCheck": False}
    request = identity(
        server, "CreateIdentityPool", IdentityPoolName="bench", AllowUnauthenticatedIdentities=False, CognitoIdentityProviders=[provider]
    )
    pool_id = (await ask(connection, request, "CreateIdentityPool"))["IdentityPoolId"]
    await role(server, connection, pool_id)
    lanes = []
    for number in range(LANES):
        name = f"user{number}"
        await server.call(connection, "AdminCreateUser", UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
        await server.call(connection, "AdminSetUserPassword", UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True)
        signed_in = await ask(connection, sign_in(server, client, "USER_PASSWORD_AUTH", USERNAME=name, PASSWORD=PASSWORD), "InitiateAuth")
        login = {f"{ISSUER}/{pool}": signed_in["AuthenticationResult"]["IdToken"]}
        found = await ask(connection, identity(server, "GetId", IdentityPoolId=pool_id, Logins=login), "GetId")
        request = identity(server, "GetCredentialsForIdentity", IdentityId=found["IdentityId"], Logins=login)
        lanes.append(Lane(server, pool_id, login, found["IdentityId"], (await ask(connection, request, "credentials"))["Credentials"]))
    for lane in lanes:  # ten records of one count, as the updates below expect them
        await lane.list_records(connection)
        lane.count = 0
        await lane.update_records(connection)
    return lanes


async def role(server: Endpoint, connection: Connection, pool_id: str) -> None:
    """The role of AWS's guide: each identity has its own datasets."""
    federated = "cognito-identity.amazonaws.com"
    trusts = {
        "Effect": "Allow",
        "Principal": {"Federated": federated},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{federated}:aud": pool_id}, "ForAnyValue:StringLike": {f"{federated}:amr": "authenticated"}},
    }
    own = f"arn:aws:cognito-sync:us-east-1:000000000000:identitypool/{pool_id}/identity/${{{federated}:sub}}/*"
    allows = {"Effect": "Allow", "Action": "cognito-sync:*", "Resource": own}
    for action, more in (
        ("CreateRole", {"AssumeRolePolicyDocument": document(trusts)}),
        ("PutRolePolicy", {"PolicyName": "sync", "PolicyDocument": document(allows)}),
    ):
        await form(server, connection, {"Action": action, "Version": "2010-05-08", "RoleName": "bench", **more})
    roles = {"authenticated": "arn:aws:iam::000000000000:role/bench"}
    await ask(connection, identity(server, "SetIdentityPoolRoles", IdentityPoolId=pool_id, Roles=roles), "SetIdentityPoolRoles")


def document(statement: dict[str, Any]) -> str:
    return msgspec.json.encode({"Version": "2012-10-17", "Statement": [statement]}).decode()


async def form(server: Endpoint, connection: Connection, fields: dict[str, str]) -> None:
    request = rest(server, "POST", "/", urlencode(fields).encode(), {"content-type": "application/x-www-form-urlencoded"})
    status, body = await connection.exchange(request)
    if status != 200:
        raise SystemExit(f"{fields['Action']}: {status} {body[:200]!r}")


def measured(running: Running, lanes: list[Lane], seconds: float) -> dict[str, Row]:
    return {
        "GetId": uvloop.run(load(running, [(lane.get_id, None) for lane in lanes], seconds)),
        "GetCredentialsForIdentity": uvloop.run(load(running, [(lane.get_credentials, None) for lane in lanes], seconds)),
        "ListRecords": uvloop.run(load(running, [(lane.list_records, None) for lane in lanes], seconds)),
        # each update needs a session of its own, whose beginning is not measured
        "UpdateRecords": uvloop.run(load(running, [(lane.update_records, lane.list_records) for lane in lanes], seconds)),
    }


async def load(running: Running, steps: list[tuple[Step, Step | None]], seconds: float) -> Row:
    """All lanes at once, in rounds where something must be made ready between; only the rounds of the steps themselves count."""
    server = Endpoint(running.url)
    connections = [server.connect() for _ in steps]
    latencies: list[float] = []
    wall = processor = 0.0

    async def once(connection: Connection, step: Step) -> None:
        began = time.perf_counter()
        await step(connection)
        latencies.append(time.perf_counter() - began)

    async def repeat(connection: Connection, step: Step, end: float) -> None:
        while time.perf_counter() < end:
            await once(connection, step)

    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        ready = [first(connection) for connection, (_, first) in zip(connections, steps, strict=True) if first is not None]
        await asyncio.gather(*ready)
        used, began = cpu(running.pid), time.perf_counter()
        if ready:
            await asyncio.gather(*[once(connection, step) for connection, (step, _) in zip(connections, steps, strict=True)])
        else:
            await asyncio.gather(*[repeat(connection, step, end) for connection, (step, _) in zip(connections, steps, strict=True)])
        wall += time.perf_counter() - began
        processor += cpu(running.pid) - used
    count = len(latencies)
    return Row(count / wall, sorted(latencies)[count // 2] * 1e3, processor / count * 1e3)


def fill(database: Path, pool_id: str, count: int) -> None:
    """More identities of three datasets with a record each, written as the server would have, past it: that takes minutes, not hours."""
    print(f"filling the pool with {count:,} identities", flush=True)
    now = time.time()
    with sqlite3.connect(database, timeout=60) as connection:
        for start in range(0, count, 10_000):
            ids = [f"us-east-1:{uuid.uuid4()}" for _ in range(start, min(start + 10_000, count))]
            connection.executemany("INSERT INTO identity_directory VALUES (?, ?)", [(each, pool_id) for each in ids])
            connection.executemany("INSERT INTO identities VALUES (?, ?, ?, ?, 1, NULL)", [(pool_id, each, now, now) for each in ids])
            datasets = [(pool_id, each, name, 1, now, now, "bench", 1, 0, 1, 120, 0) for each in ids for name in ("a", "b", "c")]
            connection.executemany(INSERT_DATASET, datasets)
            connection.executemany(INSERT_RECORD, records(pool_id, ids, now))
            connection.commit()


def records(pool_id: str, ids: list[str], now: float) -> Iterator[tuple[object, ...]]:
    for each in ids:
        for name in ("a", "b", "c"):
            yield pool_id, each, name, "key", "key", "a value", 1, now, "bench", now


def show(few: dict[str, Row], many: dict[str, Row], identities: int) -> None:
    table = Table(title=f"identity pools and Sync, {LANES} connections, SQLite")
    for heading in ("operation", "a second", "at least", "", "median ms", "processor ms", f"{identities:,} more: times the median", ""):
        table.add_column(heading)
    for name, row in few.items():
        growth = many[name].median_ms / row.median_ms if name in many else None
        table.add_row(
            name,
            f"{row.per_second:,.0f}",
            f"{LEAST[name]:,}",
            "pass" if row.per_second >= LEAST[name] else "MISS",
            f"{row.median_ms:.2f}",
            f"{row.processor_ms:.3f}",
            f"{growth:.2f}" if growth else "-",
            "" if growth is None else "pass" if growth <= GROWTH else "MISS",
        )
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
