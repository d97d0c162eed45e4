"""City and country out of the operator's own database of places: in events, sessions, notices, and in what a sign-in's risk is made of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from cognomen.config import BadSetting
from cognomen.kernel.places import NOWHERE, BadPlaces, Place, Places
from cognomen.tokens.keys import PreparedKeyMaker
from tests.kit.risk import ALLOW, ARN, FAR, HOME, NEAR, anna, events, from_server
from tests.kit.server import TestServer, settings_for

ACTIONS = {level: {**ALLOW, "Notify": True} for level in ("LowAction", "MediumAction", "HighAction")}


def place(city: str, country: str) -> dict[str, Any]:
    return {"city": {"names": {"en": city}} if city else {}, "country": {"iso_code": "XX", "names": {"en": country, "de": "?"}}}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """HOME in Vienna, NEAR, in the same /16, in Graz; FAR in a country without a city; nobody else anywhere."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Test-City", languages=["en"])
    writer.insert_network(IPSet([f"{HOME}/32"]), place("Vienna", "Austria"))
    writer.insert_network(IPSet([f"{NEAR}/32"]), place("Graz", "Austria"))
    writer.insert_network(IPSet([f"{FAR}/32"]), place("", "Norway"))
    writer.insert_network(IPSet(["192.0.2.1/32"]), {"city": "a text", "country": ["a", "list"]})
    file = tmp_path_factory.mktemp("places") / "places.mmdb"
    writer.to_db_file(str(file))
    return file


@pytest.fixture
async def server(database: Path, signing_pairs: Any) -> AsyncIterator[TestServer]:
    running = await TestServer(settings_for("", geo_database=str(database)), PreparedKeyMaker(signing_pairs)).start()
    yield running
    await running.stop()


async def test_an_event_says_where(server: TestServer) -> None:
    pool, client = await anna(server, "AUDIT")
    for address in (HOME, FAR, "203.0.113.200"):
        await from_server(server, pool, client, address)
    seen = [event["EventContextData"] for event in await events(server, pool)]
    assert [(each.get("City"), each.get("Country")) for each in seen] == [(None, None), (None, "Norway"), ("Vienna", "Austria")]


async def test_a_place_is_a_city_and_not_a_network(server: TestServer) -> None:
    """Vienna and Graz lie in one /16: without the database they are one place (tests/operations/test_risk.py)."""
    pool, client = await anna(server, "AUDIT")
    await from_server(server, pool, client, HOME)
    server.clock.advance(3600)
    await from_server(server, pool, client, NEAR)
    newest = (await events(server, pool))[0]
    assert newest["EventRisk"]["RiskLevel"] == "Low"


async def test_a_notice_says_where(server: TestServer) -> None:
    pool, client = await anna(server, "ENFORCED")
    notify = {"SourceArn": ARN, "From": "security@example.com"}
    takeover = {"Actions": ACTIONS, "NotifyConfiguration": notify}
    await server.call("SetRiskConfiguration", UserPoolId=pool, AccountTakeoverRiskConfiguration=takeover)
    await from_server(server, pool, client, HOME)
    await from_server(server, pool, client, NEAR, device="tablet")
    [mail] = await server.messages("anna@example.com")
    assert "Graz, Austria" in mail.body


async def test_a_session_says_where(server: TestServer, database: Path) -> None:
    """By the connection; on loopback nobody knows, and nothing is said."""
    pool = await server.pool()
    await server.call("SetUserPoolSessionConfiguration", UserPoolId=pool, UserSessionTracking="ENABLED", TokenSession={"MaxPerUser": 5})
    client = await server.client(pool)
    sub = await server.user(pool, "anna")
    await server.sign_in(client, "anna")
    [session] = (await server.call("AdminListUserSessions", UserPoolId=pool, Username="anna"))["Sessions"]
    assert "LastLocation" not in session

    async def moved(tx: Any) -> None:
        await tx.run("UPDATE sessions SET last_ip = $1 WHERE pool_id = $2 AND sub = $3", HOME, pool, sub)

    await server.store.write(moved)
    [session] = (await server.call("AdminListUserSessions", UserPoolId=pool, Username="anna"))["Sessions"]
    assert session["LastLocation"] == {"City": "Vienna", "Country": "Austria"}


class TestDatabase:
    def test_what_it_does_not_know(self, database: Path) -> None:
        """No address, private ones, records of another kind: nowhere, and no error."""
        places = Places(str(database))
        places.check()
        assert places.of(HOME) == Place("Vienna", "Austria")
        for address in ("", "127.0.0.1", "::1", "192.0.2.1", "not an address", "1.2.3.4.5"):
            assert places.of(address) == NOWHERE
        places.close()
        assert Places().of(HOME) == NOWHERE

    @pytest.mark.parametrize("content", [None, b"", b"no database", b"\xab\xcd\xefMaxMind.com" * 3])
    async def test_a_file_that_is_none_stops_the_start(self, tmp_path: Path, content: bytes | None, signing_pairs: Any) -> None:
        """In one sentence that names the setting."""
        file = tmp_path / "places.mmdb"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(BadPlaces, match="geo_database"):
            Places(str(file)).check()
        with pytest.raises(BadSetting, match="geo_database"):
            await TestServer(settings_for("", geo_database=str(file)), PreparedKeyMaker(signing_pairs)).start()

    def test_a_damaged_one_knows_nobody(self, database: Path, tmp_path: Path) -> None:
        """Bytes turned over in the middle: whatever the reader makes of them, the server goes on."""
        whole = database.read_bytes()
        for at in range(0, len(whole) - 200, 97):
            file = tmp_path / f"{at}.mmdb"
            file.write_bytes(whole[:at] + bytes(byte ^ 0xFF for byte in whole[at : at + 8]) + whole[at + 8 :])
            places = Places(str(file))
            try:
                places.check()
            except BadPlaces:
                continue
            for address in (HOME, NEAR, FAR, "2001:db8::1"):
                assert isinstance(places.of(address), Place)
            places.close()
