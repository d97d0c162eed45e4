"""What the stores of threat protection promise, on every database."""

from __future__ import annotations

import pytest

from cognomen.api import idp
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Missing
from cognomen.storage.risk import AuthEvent
from cognomen.storage.store import Store
from tests.contracts.conftest import Database
from tests.contracts.test_aggregates import client, pool, soon

POOL, CLIENT = "us-east-1_Contract1", "app"


def event(at: float, event_id: str = "e0", response: str = "Pass", sub: str = "anna", pool_id: str = POOL) -> AuthEvent:
    return AuthEvent(pool_id, sub, at, event_id, response, b'{"a":1}', at + 100.0)


async def put(store: Store, *events: AuthEvent) -> None:
    async def unit(tx: Tx) -> None:
        for each in events:
            await store.auth_events.put(tx, each)

    await store.write(unit)


class TestRiskConfigurations:
    given = idp.RiskConfigurationType(risk_exception_configuration=idp.RiskExceptionConfigurationType(blocked_ip_range_list=["10.0.0.0/8"]))

    async def test_of_a_pool_and_of_a_client(self, store: Store) -> None:
        """Each is read as it was written, also right after it was not there; a removed one is not there."""
        await store.pools.add(pool())
        await store.clients.add(client(CLIENT))
        for client_id in ("", CLIENT):
            assert await store.risk_configurations.get(POOL, client_id) is None
            await store.risk_configurations.put(POOL, client_id, self.given, 5.0)
            assert await store.risk_configurations.get(POOL, client_id) == self.given
        other = idp.RiskConfigurationType(last_modified_date=6.0)
        await store.risk_configurations.put(POOL, "", other, 6.0)
        await store.risk_configurations.remove(POOL, CLIENT)
        assert await store.risk_configurations.get(POOL) == other
        assert await store.risk_configurations.get(POOL, CLIENT) is None

    async def test_of_nothing(self, store: Store) -> None:
        with pytest.raises(Missing):
            await store.risk_configurations.put(POOL, "", self.given, 5.0)
        await store.pools.add(pool())
        with pytest.raises(Missing):
            await store.risk_configurations.put(POOL, "gone", self.given, 5.0)

    async def test_another_process_sees_it(self, database: Database) -> None:
        """Also one that knows that there was none."""
        if not database.shared:
            pytest.skip("a database in memory has one process")
        one, other = await database.store(), await database.store()
        await one.pools.add(pool())
        assert await other.risk_configurations.get(POOL) is None
        await one.risk_configurations.put(POOL, "", self.given, 5.0)
        assert await soon(lambda: other.risk_configurations.get(POOL), self.given) == self.given


class TestAuthEvents:
    async def test_pages_newest_first(self, store: Store) -> None:
        """Each once, also where several are of one moment; nobody else's."""
        mine = [event(at, f"e{n}") for at in (1.25, 2.5, 3.0) for n in range(3)]
        await put(store, *mine, event(2.0, sub="bea"), event(2.0, pool_id="us-east-1_Another01"))
        found: list[AuthEvent] = []
        after = None
        while page := await store.auth_events.page(POOL, "anna", after, 2):
            found += page
            after = (page[-1].created_at, page[-1].event_id)
        assert found == sorted(mine, key=lambda each: (each.created_at, each.event_id), reverse=True)

    async def test_the_same_event_later_replaces_it(self, store: Store) -> None:
        await put(store, event(1.1, response="InProgress"), event(1.1, response="Pass"))
        assert [each.response for each in await store.auth_events.page(POOL, "anna", None, 9)] == ["Pass"]
        assert await store.auth_events.find(POOL, "anna", "e0") == event(1.1)
        assert await store.auth_events.find(POOL, "bea", "e0") is None

    async def test_what_passed_stays(self, store: Store) -> None:
        """As it is, whatever comes after it; and feedback stays, whatever comes after that."""
        first = event(1.1, response="InProgress")
        await put(store, first)
        await store.write(lambda tx: store.auth_events.give_feedback(tx, first, b'{"f":1}'))
        await put(store, event(1.1, response="Pass"), event(1.1, response="Fail"))
        found = await store.auth_events.find(POOL, "anna", "e0")
        assert found is not None and (found.response, found.feedback) == ("Pass", b'{"f":1}')

    async def test_trim_keeps_the_newest_of_each_kind(self, store: Store) -> None:
        await put(store, *(event(float(at), response="Fail") for at in range(10)), *(event(at + 0.5) for at in range(10)))
        await store.write(lambda tx: store.auth_events.trim(tx, POOL, "anna", failures=3, others=5))
        kept = [each.created_at for each in await store.auth_events.page(POOL, "anna", None, 99)]
        assert kept == [9.5, 9.0, 8.5, 8.0, 7.5, 7.0, 6.5, 5.5]
        await store.write(lambda tx: store.auth_events.trim(tx, POOL, "anna", failures=4, others=6))
        assert len(await store.auth_events.page(POOL, "anna", None, 99)) == 8

    async def test_the_sweep(self, store: Store) -> None:
        await put(store, event(1.0), event(50.0))
        await store.sweep(120.0)
        assert await store.auth_events.page(POOL, "anna", None, 9) == [event(50.0)]


class TestRiskProfiles:
    async def test_one_for_each_user(self, store: Store) -> None:
        async def unit(tx: Tx) -> None:
            await store.risk_profiles.put(tx, POOL, "anna", b'{"a":1}')
            await store.risk_profiles.put(tx, POOL, "anna", b'{"a":2}')
            await store.risk_profiles.put(tx, POOL, "bea", b"{}")

        assert await store.risk_profiles.get(POOL, "anna") is None
        await store.write(unit)
        assert await store.risk_profiles.get(POOL, "anna") == b'{"a":2}'
        assert await store.risk_profiles.get("us-east-1_Another01", "anna") is None
