"""`kill -9` while many write: after the restart every answered write is there, and nothing is half-written."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from cognomen.storage.engine import Engine, make_engine
from tests.faults.load import MISSING, Expected, Refused, Writer, call, sign_in
from tests.kit.live import Live

WRITERS = 4
OWNED = ("aliases", "sessions", "group_members", "password_history", "codes")


async def create_database(server_url: str) -> str:
    """A database of its own: other tests of this process empty the common one."""
    name = f"faults_{uuid4().hex}"
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return server_url.replace("/postgres?", f"/{name}?")


@pytest.fixture(params=["sqlite", "postgresql"])
def live(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Live, str]]:
    """A running server and its database's URL."""
    url = f"sqlite:///{tmp_path / 'data' / 'cognomen.db'}"
    given = ""
    if request.param == "postgresql":
        url = given = asyncio.run(create_database(request.getfixturevalue("postgres").url))
    with Live(tmp_path / "data", database_url=given) as running:
        yield running, url


def test_answered_writes_survive(live: tuple[Live, str]) -> None:
    """Three kills at moments of chance."""
    killed(*live, rounds=3)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_answered_writes_survive_many_kills(live: tuple[Live, str]) -> None:
    """Twenty of them."""
    killed(*live, rounds=20)


def killed(live: Live, url: str, rounds: int) -> None:
    seed = random.SystemRandom().randrange(10**9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    pool = call(live.http, live.url, "CreateUserPool", PoolName="kill", AliasAttributes=["email"])["UserPool"]["Id"]
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    made = call(live.http, live.url, "CreateUserPoolClient", UserPoolId=pool, ClientName="c", ExplicitAuthFlows=flows)
    client = made["UserPoolClient"]["ClientId"]
    users: list[Expected] = []
    for number in range(rounds):
        writers = [Writer(live, pool, client, f"{seed}:{number}:{writer}") for writer in range(WRITERS)]
        killed_under(live, writers, chance.uniform(0.1, 0.8))
        assert [failure for writer in writers for failure in writer.failures] == []
        users = [*users[-60:], *(user for writer in writers for user in writer.users)]
        live.start()
        with ThreadPoolExecutor(WRITERS) as threads:
            wrong = [text for found in threads.map(partial(differences, live, pool, client), users) for text in found]
        assert wrong == []
        asyncio.run(nothing_is_half_written(url, pool))


def killed_under(live: Live, writers: list[Writer], seconds: float) -> None:
    """Kills the server so many seconds after every writer has begun to be answered."""
    stop = threading.Event()
    threads = [threading.Thread(target=writer.run, args=(stop,)) for writer in writers]
    for thread in threads:
        thread.start()
    under_load(lambda: all(writer.answered > 3 or writer.failures for writer in writers))
    time.sleep(seconds)
    live.kill()
    stop.set()
    for thread in threads:
        thread.join()


def under_load(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < deadline, "the load was none"
        time.sleep(0.005)


def differences(live: Live, pool: str, client: str, user: Expected) -> list[str]:
    """How the user differs from what was answered."""
    wrong = []
    try:
        found = call(live.http, live.url, "AdminGetUser", UserPoolId=pool, Username=user.username)
    except Refused as refused:
        if refused.code != "UserNotFoundException":
            raise
        return [] if MISSING in user.state else [f"{user.username} is lost"]
    if "there" not in user.state:
        return [f"{user.username} was deleted and is back"]
    name = {item["Name"]: item["Value"] for item in found["UserAttributes"]}.get("name")
    if name not in user.names:
        wrong.append(f"{user.username} has the name {name}, not of {user.names}")
    if user.passwords and not any(_fits(live, client, user.username, password) for password in user.passwords):
        wrong.append(f"{user.username} cannot sign in with the password that was set")
    for token in user.refresh_tokens[-2:]:
        parameters = {"REFRESH_TOKEN": token}
        answer = call(live.http, live.url, "InitiateAuth", ClientId=client, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters=parameters)
        assert "AccessToken" in answer["AuthenticationResult"]
    return wrong


def _fits(live: Live, client: str, username: str, password: str) -> bool:
    try:
        sign_in(live.http, live.url, client, username, password)
    except Refused as refused:
        if refused.code != "NotAuthorizedException":
            raise
        return False
    return True


async def nothing_is_half_written(url: str, pool: str) -> None:
    """Looked at in the database itself: every row belongs to a user who is whole, and the count is the number of users."""
    engine = make_engine(url, exclusive=False)
    await engine.open()
    try:
        orphans = {
            table: await _number(
                engine,
                f"SELECT count(*) FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.pool_id = t.pool_id AND u.sub = t.sub)",
            )
            for table in OWNED
        }
        assert orphans == dict.fromkeys(OWNED, 0)
        counted = await _number(engine, "SELECT CAST(coalesce(sum(users), 0) AS BIGINT) FROM user_counts WHERE pool_id = $1", pool)
        assert counted == await _number(engine, "SELECT count(*) FROM users WHERE pool_id = $1", pool)
        rows = await engine.rows("SELECT sub, email_key FROM users WHERE pool_id = $1 AND email_key IS NOT NULL", pool)
        aliases = await engine.rows("SELECT sub, value FROM aliases WHERE pool_id = $1 AND attribute = 'email'", pool)
        assert {tuple(row) for row in rows} == {tuple(row) for row in aliases}, "each verified address leads to its user"
    finally:
        await engine.close()


async def _number(engine: Engine, sql: str, *arguments: Any) -> int:
    row = await engine.row(sql, *arguments)
    assert row is not None
    return int(row[0])


def test_a_removal_that_was_interrupted_goes_on(live: tuple[Live, str]) -> None:
    """A deleted pool is gone at once; its users go in the background, and after a kill the next start takes that up."""
    server, url = live
    ids = []
    for name in ("goes", "stays"):
        pool = call(server.http, server.url, "CreateUserPool", PoolName=name)["UserPool"]["Id"]
        ids.append(pool)
        asyncio.run(_people(url, pool, 6000 if name == "goes" else 5))
    call(server.http, server.url, "DeleteUserPool", UserPoolId=ids[0])
    server.kill()
    left = asyncio.run(_count(url, ids[0]))
    assert left > 0, "it was killed too late to interrupt anything"
    server.start()
    with pytest.raises(Refused, match="ResourceNotFoundException"):
        call(server.http, server.url, "DescribeUserPool", UserPoolId=ids[0])
    deadline = time.monotonic() + 20
    while asyncio.run(_count(url, ids[0])) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert asyncio.run(_count(url, ids[0])) == 0
    assert asyncio.run(_count(url, ids[1])) == 5
    assert len(call(server.http, server.url, "ListUsers", UserPoolId=ids[1])["Users"]) == 5


async def _people(url: str, pool: str, number: int) -> None:
    """Many users, put into the database directly: only their number matters here."""
    engine = make_engine(url, exclusive=False)
    await engine.open()

    async def unit(tx: Any) -> None:
        for each in range(number):
            values = (pool, str(uuid4()), f"u{each}")
            await tx.run(
                "INSERT INTO users (pool_id, sub, username, username_key, status, enabled, created_at, modified_at, attributes, listed)"
                " VALUES ($1, $2, $3, $3, 'CONFIRMED', 1, 1.0, 1.0, '[]', '{}')",
                *values,
            )

    try:
        await engine.write(unit)
    finally:
        await engine.close()


async def _count(url: str, pool: str) -> int:
    engine = make_engine(url, exclusive=False)
    await engine.open()
    try:
        return await _number(engine, "SELECT count(*) FROM users WHERE pool_id = $1", pool)
    finally:
        await engine.close()


def test_a_stop_under_load_finishes_what_it_took(live: tuple[Live, str]) -> None:
    """SIGTERM: what was being answered is answered, nobody gets half an answer, the process ends by itself with 0."""
    server, _ = live
    pool = call(server.http, server.url, "CreateUserPool", PoolName="stop")["UserPool"]["Id"]
    answered: list[str] = []
    torn: list[str] = []

    def write() -> None:
        with httpx.Client(timeout=20, verify=False) as http:
            while True:
                name = f"u{uuid4().hex[:12]}"
                try:
                    call(http, server.url, "AdminCreateUser", UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
                    answered.append(name)
                except httpx.ConnectError:
                    return
                except httpx.RemoteProtocolError as error:  # an idle connection that was closed, never half an answer
                    if "without sending a response" not in str(error):
                        torn.append(str(error))
                    return
                except httpx.TransportError:
                    return

    threads = [threading.Thread(target=write) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    under_load(lambda: len(answered) > 20)
    assert server.stop() == 0
    for thread in threads:
        thread.join()
    assert torn == []
    server.start()
    listed = {user["Username"] for page in server.boto().get_paginator("list_users").paginate(UserPoolId=pool) for user in page["Users"]}
    assert set(answered) <= listed


def test_sync_sessions_are_counted_by_their_updates(live: tuple[Live, str]) -> None:
    """A server that is killed right after an answer has counted it: what is billed does not wait in memory."""
    running, _ = live
    identity, sync = running.boto(service="cognito-identity"), running.boto(service="cognito-sync")
    pool = identity.create_identity_pool(IdentityPoolName="x", AllowUnauthenticatedIdentities=True)["IdentityPoolId"]
    who = {"IdentityPoolId": pool, "IdentityId": identity.get_id(IdentityPoolId=pool)["IdentityId"], "DatasetName": "a"}
    for number in range(10):
        patch = {"Op": "replace", "Key": f"k{number}", "Value": "1", "SyncCount": 0}
        sync.update_records(**who, SyncSessionToken=sync.list_records(**who)["SyncSessionToken"], RecordPatches=[patch])
    running.kill()
    running.start()
    sync = running.boto(service="cognito-sync")
    assert sync.describe_identity_pool_usage(IdentityPoolId=pool)["IdentityPoolUsage"]["SyncSessionsCount"] == 10
    assert sync.list_records(**who)["Count"] == 10
