"""The schema: from nothing to now, once, by whichever server is first; never from a newer one; and old rows still load."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cognomen.storage.engine import Tx
from cognomen.storage.errors import CannotStart
from cognomen.storage.migrate import migrate, migrations, version
from cognomen.storage.sessions import Rotated
from cognomen.storage.store import Store
from cognomen.tokens.keys import KeyPair, PreparedKeyMaker
from tests.contracts.conftest import Database
from tests.kit.server import PASSWORD, TestServer, settings_for

NEWEST = migrations()[-1][0]
ROWS = {file.stem: json.loads(file.read_text()) for file in sorted((Path(__file__).parent / "rows").glob("*.json"))}


async def test_from_nothing_to_now(database: Database) -> None:
    """An empty database gets every migration, in order, and says so; a second time there is nothing to do."""
    engine = await database.open()
    assert await version(engine) == 0
    assert await migrate(engine) == [f"{number:04}_{name}" for number, name, _ in migrations()]
    assert await version(engine) == NEWEST
    assert await migrate(engine) == []
    assert await engine.rows("SELECT pool_id FROM pools") == []


async def test_a_newer_database_is_refused(database: Database) -> None:
    """One sentence names both versions, and nothing is changed."""
    engine = await database.open()
    await migrate(engine)

    async def newer(tx: Tx) -> None:
        await tx.run("INSERT INTO migrations (number, name) VALUES ($1, 'of tomorrow')", NEWEST + 1)

    await engine.write(newer)
    with pytest.raises(CannotStart, match=f"schema {NEWEST + 1}, newer than this program's {NEWEST}"):
        await migrate(engine)
    assert await version(engine) == NEWEST + 1


async def test_servers_that_start_together(database: Database) -> None:
    """Each migration is run once, whoever is first; all of them go on."""
    if not database.shared:
        pytest.skip("a database in memory has one process")
    engines = [await database.open() for _ in range(3)]
    ran = await asyncio.gather(*(migrate(engine) for engine in engines))
    assert sorted(name for names in ran for name in names) == [f"{number:04}_{name}" for number, name, _ in migrations()]
    rows = await engines[0].rows("SELECT number FROM migrations ORDER BY number")
    assert [row[0] for row in rows] == [number for number, _, _ in migrations()]


@pytest.mark.parametrize("stored", ROWS)
async def test_old_rows_still_load(stored: str, database: Database, signing_pairs: list[KeyPair]) -> None:
    """What an earlier version stored, today's version reads: users sign in, groups, clients, secrets and keys are as they were."""
    if not database.shared:
        pytest.skip("a server of its own opens the database")
    engine = await database.open()
    await migrate(engine)

    async def unit(tx: Tx) -> None:
        for table, rows in ROWS[stored].items():
            for row in rows:
                values = [bytes.fromhex(value["hex"]) if isinstance(value, dict) else value for value in row.values()]
                await tx.run(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(f'${n + 1}' for n in range(len(row)))})", *values)

    await engine.write(unit)
    server = TestServer(settings_for(database.url), PreparedKeyMaker(signing_pairs))
    await server.start()
    try:
        await _loads(server)
    finally:
        await server.stop()


async def _loads(server: TestServer) -> None:
    pool = "us-east-1_OldRows01"
    described = (await server.call("DescribeUserPool", UserPoolId=pool))["UserPool"]
    assert (described["Name"], described["EstimatedNumberOfUsers"], described["AliasAttributes"]) == ("old", 2, ["email"])
    listed = await server.call("ListUserPoolClients", UserPoolId=pool, MaxResults=10)
    client = next(item["ClientId"] for item in listed["UserPoolClients"] if item["ClientName"] == "app")
    for name in ("anna", "anna@example.com"):
        assert {"AccessToken", "IdToken", "RefreshToken"} <= (await server.sign_in(client, name, PASSWORD)).keys()
    groups: Any = await server.call("AdminListGroupsForUser", UserPoolId=pool, Username="anna")
    assert [(group["GroupName"], group["Precedence"]) for group in groups["Groups"]] == [("staff", 3)]
    bea = await server.call("AdminGetUser", UserPoolId=pool, Username="bea")
    assert (bea["UserStatus"], bea["Enabled"]) == ("FORCE_CHANGE_PASSWORD", False)
    assert len((await server.send("GET", f"/{pool}/.well-known/jwks.json")).json["keys"]) == 2


async def test_datasets_of_before(database: Database) -> None:
    """Merged ones know again what they were called at the identity that brought them; the others are nobody's but their identity's."""
    engine = await database.open()
    for number, name, statements in migrations():
        if number < 40:
            await engine.script([*statements, f"INSERT INTO migrations (number, name) VALUES ({number}, '{name}')"])

    async def stored(tx: Tx) -> None:
        for name, source in (("a.b.us-east-1:1", "us-east-1:1"), ("a.b.us-east-1:2", None)):
            await tx.run(
                "INSERT INTO sync_datasets (pool_id, identity_id, name, present, created_at, modified_at, modified_by, sync_count,"
                " deleted_count, records, bytes, merged_from) VALUES ('p', 'i', $1, 1, 1.0, 2.0, 'd', 3, 0, 1, 2, $2)",
                name,
                source,
            )
        for key in ("short", "long" * 100):
            await tx.run("INSERT INTO sync_records VALUES ('p', 'i', 'a.b.us-east-1:1', $1, 'v', 3, 2.0, 'd', 2.0)", key)
        await tx.run("INSERT INTO sync_records VALUES ('p', 'i', 'a.b.us-east-1:1', 'removed', NULL, 3, 2.0, 'd', 2.0)")

    await engine.write(stored)
    await migrate(engine)
    datasets = Store(engine).datasets
    found = {each.name: (each.merged_name, each.sync_count) for each in await datasets.page("p", "i", "", 10)}
    assert found == {"a.b.us-east-1:1": ("a.b", 3), "a.b.us-east-1:2": (None, 3)}
    assert await datasets.merged_names("p", "i", "a.b") == ["a.b.us-east-1:1"]
    dataset = await datasets.get("p", "i", "a.b.us-east-1:1")
    assert dataset is not None and dataset.removed_bytes == 512 + len("removed")

    async def changed(tx: Tx) -> None:
        present = await datasets.records(tx, "p", "i", dataset.name, ["short", "long" * 100])
        assert {key: record.value for key, record in present.items()} == {"short": "v", "long" * 100: "v"}
        await datasets.change_records(tx, dataset, [msgspec.structs.replace(record, value="w") for record in present.values()])

    await engine.write(changed)
    records = await datasets.changed("p", "i", dataset.name, (0, ""), 10, removed=False)
    assert sorted((record.key, record.value) for record in records) == [("long" * 100, "w"), ("short", "w")]


async def test_sessions_of_before(database: Database) -> None:
    """They go on under their users, and so do the refresh tokens that were rotated away."""
    engine = await database.open()
    for number, name, statements in migrations():
        if number < 44:
            await engine.script([*statements, f"INSERT INTO migrations (number, name) VALUES ({number}, '{name}')"])

    async def stored(tx: Tx) -> None:
        await tx.run(
            "INSERT INTO sessions (pool_id, origin_jti, sub, client_id, refresh_digest, auth_time, expires_at, scope, session_id, acr)"
            " VALUES ('p', 'j', 's', 'c', $1, 1.0, 9e9, 'scope', 'tkn', '{}')",
            b"digest",
        )
        await tx.run(
            "INSERT INTO rotated_refresh_tokens (pool_id, refresh_digest, origin_jti, grace_until, expires_at) VALUES ('p', $1, 'j', 5.0, 9e9)",
            b"old",
        )

    await engine.write(stored)
    await migrate(engine)
    sessions = Store(engine).sessions
    found = await sessions.get("p", "s", "j")
    assert found is not None and (found.refresh_digest, found.expires_at, found.session_id, found.acr) == (b"digest", 9e9, "tkn", "{}")
    assert await sessions.by_refresh_digest("p", b"digest") == found
    assert await sessions.tracked("p", "s", 2.0) == [found]
    assert await sessions.rotated("p", b"old") == Rotated("s", "j", 5.0)
