"""The other stores, second part: sessions, codes, attempts, marks, inbox, keys."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from cognomen.storage import inbox as inbox_store
from cognomen.storage.codes import Code
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Missing
from cognomen.storage.inbox import InboxRow
from cognomen.storage.keys import AccessKey, SigningKeyRow
from cognomen.storage.sessions import Activity, Rotated, Session
from cognomen.storage.store import Store

POOL = "us-east-1_Contract1"


class TestSessions:
    session = Session(POOL, "jti", "sub", "client", b"digest", 1.5, 9e9, None, "scope")

    async def _add(self, store: Store, *sessions: Session) -> None:
        async def unit(tx: Tx) -> None:
            for session in sessions:
                await store.sessions.add(tx, session)

        await store.write(unit)

    async def test_found_and_revoked(self, store: Store) -> None:
        """By its id and by its token's digest; revoked once, the first moment stands; all of a user's, and only theirs."""
        other = msgspec.structs.replace(self.session, origin_jti="other", sub="bea", refresh_digest=b"o")
        await self._add(store, self.session, other)
        assert await store.sessions.get(POOL, "sub", "jti") == self.session == await store.sessions.by_refresh_digest(POOL, b"digest")
        assert await store.sessions.get("us-east-1_Another01", "sub", "jti") is None
        assert await store.sessions.get(POOL, "bea", "jti") is None

        async def revoke(tx: Tx) -> None:
            await store.sessions.revoke(tx, self.session, 5.0)
            await store.sessions.revoke_all(tx, POOL, "sub", 6.0)

        await store.write(revoke)
        found = await store.sessions.get(POOL, "sub", "jti")
        assert found is not None and found.revoked_at == 5.0
        assert await store.sessions.get(POOL, "bea", "other") == other

    async def test_tracked_ones(self, store: Store) -> None:
        """Live ones of the user that have an id, the one used last first; a use is noted until the session is revoked."""

        def of(name: str, at: float, **members: object) -> Session:
            there = {"session_id": name, "last_active_at": at, "last_ip": "::1", "device_type": "d"}
            return msgspec.structs.replace(self.session, origin_jti=name, refresh_digest=name.encode(), **{**there, **members})

        a, b, late, gone = (
            of("a", 1.0),
            of("b", 2.0, origin_session_id="sso"),
            of("late", 9.0, expires_at=50.0),
            of("gone", 9.0, revoked_at=3.0),
        )
        await self._add(store, self.session, a, b, late, gone, of("bea", 9.0, sub="bea"), of("far", 9.0, pool_id="us-east-1_Another01"))
        assert await store.sessions.tracked(POOL, "sub", 100.0) == [b, a]
        activity = Activity(5.0, "::2", "e")

        async def touch(tx: Tx) -> tuple[bool, bool, bool]:
            touched = [await store.sessions.touch(tx, each, activity) for each in (a, gone, of("none", 1.0))]
            return touched[0], touched[1], touched[2]

        assert await store.write(touch) == (True, False, False)
        newer = msgspec.structs.replace(a, last_active_at=5.0, last_ip="::2", device_type="e")
        assert await store.sessions.tracked(POOL, "sub", 100.0) == [newer, b]

    async def test_those_of_a_device(self, store: Store) -> None:
        """All of this user on this device end, but for the one that is named."""

        def of(name: str, **members: object) -> Session:
            return msgspec.structs.replace(self.session, origin_jti=name, refresh_digest=name.encode(), **{"device_key": "k", **members})

        await self._add(store, of("one"), of("asks"), of("elsewhere", device_key="l"), of("none", device_key=None), of("bea", sub="bea"))
        await store.write(lambda tx: store.sessions.revoke_device(tx, POOL, "sub", "k", 5.0, but="asks"))
        places = [("sub", "one"), ("sub", "asks"), ("sub", "elsewhere"), ("sub", "none"), ("bea", "bea")]
        found = [await store.sessions.get(POOL, *place) for place in places]
        assert [session.revoked_at if session else 0.0 for session in found] == [5.0, None, None, None, None]

    async def test_rotation(self, store: Store) -> None:
        """The new token continues the session, the old one is remembered; a grace that runs is not lengthened."""
        await self._add(store, self.session)

        async def rotate(tx: Tx) -> None:
            await store.sessions.rotate(tx, self.session, b"digest", b"digest", b"second", 10.0)
            await store.sessions.rotate(tx, self.session, b"digest", b"second", b"third", 20.0)

        await store.write(rotate)
        found = await store.sessions.by_refresh_digest(POOL, b"third")
        assert found is not None and found.origin_jti == "jti"
        assert await store.sessions.by_refresh_digest(POOL, b"digest") is None
        assert await store.sessions.rotated(POOL, b"digest") == Rotated("sub", "jti", 10.0)
        assert await store.sessions.rotated(POOL, b"second") == Rotated("sub", "jti", 20.0)
        assert await store.sessions.rotated(POOL, b"third") is None


class TestShortLived:
    code = Code(POOL, "sub", "confirm", b"d1", "email", "a@example.com", 9.0)

    async def test_a_code_is_spent_once(self, store: Store) -> None:
        """Of many who use it at once one succeeds; a newer code replaces it, and the older cannot be spent."""
        newer = msgspec.structs.replace(self.code, digest=b"d2")

        async def put(tx: Tx) -> None:
            await store.codes.put(tx, self.code)
            await store.codes.put(tx, newer)

        async def spend_old(tx: Tx) -> bool:
            return await store.codes.spend(tx, self.code)

        async def spend(tx: Tx) -> bool:
            return await store.codes.spend(tx, newer)

        await store.write(put)
        assert await store.codes.get(POOL, "sub", "confirm") == newer
        assert await store.write(spend_old) is False
        assert sorted(await asyncio.gather(*(store.write(spend) for _ in range(5)))) == [False] * 4 + [True]
        assert await store.codes.get(POOL, "sub", "confirm") is None

    async def test_attempts_are_counted_and_forgotten(self, store: Store) -> None:
        """Those that come together are all counted; a quiet time or a success begins anew; kinds and subjects count apart."""

        def attempt(now: float, kind: str = "password") -> Any:
            async def unit(tx: Tx) -> int:
                return await store.attempts.add(tx, POOL, "sub", kind, now, 100.0)

            return store.write(unit)

        assert sorted(await asyncio.gather(*(attempt(1.0) for _ in range(5)))) == [1, 2, 3, 4, 5]
        assert await attempt(1.0, "code") == 1
        assert (await store.attempts.get(POOL, "sub", "password", 50.0)).failures == 5
        assert (await store.attempts.get(POOL, "sub", "password", 101.5)).failures == 0
        assert await attempt(150.0) == 1

        async def reset(tx: Tx) -> None:
            await store.attempts.reset(tx, POOL, "sub", "password")

        await store.write(reset)
        assert (await store.attempts.get(POOL, "sub", "password", 150.0)).failures == 0

    async def test_a_mark_is_set_once(self, store: Store) -> None:
        """What may be used once is used by one of those who come together; a pool's marks are its own."""

        async def unit(tx: Tx) -> bool:
            return await store.used_marks.add(tx, POOL, b"\0mark", 9.0)

        assert sorted(await asyncio.gather(*(store.write(unit) for _ in range(5)))) == [False] * 4 + [True]

        async def elsewhere(tx: Tx) -> bool:
            return await store.used_marks.add(tx, "us-east-1_Another01", b"\0mark", 9.0)

        assert await store.write(elsewhere) is True

    async def test_the_sweep_takes_what_expired(self, store: Store) -> None:
        """And only that; a session is kept a day longer, since access tokens may outlive it."""
        sessions = [Session(POOL, f"j{end}", "s", "c", str(end).encode(), 1.0, end, None, "") for end in (10.0, 200_000.0)]

        async def unit(tx: Tx) -> None:
            for session in sessions:
                await store.sessions.add(tx, session)
            for number, end in enumerate((10.0, 200_000.0)):
                await store.codes.put(tx, msgspec.structs.replace(self.code, purpose=str(number), expires_at=end))
                await store.used_marks.add(tx, POOL, bytes([number]), end)
                await store.attempts.add(tx, POOL, str(number), "password", 0.0, end)

        await store.write(unit)
        await store.sweep(1000.0)
        counts: Any = {
            table: (await store.engine.row(f"SELECT count(*) FROM {table}") or [0])[0]
            for table in ("sessions", "codes", "used_marks", "attempts")
        }
        assert counts == {"sessions": 2, "codes": 1, "used_marks": 1, "attempts": 1}
        await store.sweep(100_000.0)
        assert await store.sessions.get(POOL, "s", "j10.0") is None and await store.sessions.get(POOL, "s", "j200000.0") is not None


class TestInbox:
    def row(self, number: int, recipient: str = "a@example.com") -> InboxRow:
        return InboxRow(f"m{number}", POOL, "email", recipient, float(number), b"\0body")

    async def test_newest_first(self, store: Store) -> None:
        for number in (2, 1, 3):
            await store.inbox.add(self.row(number))
        await store.inbox.add(self.row(4, "b@example.com"))
        assert await store.inbox.newest("a@example.com", 2) == [self.row(3), self.row(2)]
        assert [row.message_id for row in await store.inbox.newest(None, 9)] == ["m4", "m3", "m2", "m1"]
        await store.inbox.clear()
        assert await store.inbox.newest(None, 9) == []

    async def test_the_oldest_go(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(inbox_store, "MOST", 3)
        for number in range(5):
            await store.inbox.add(self.row(number))
        await store.inbox.trim()
        assert [row.message_id for row in await store.inbox.newest(None, 9)] == ["m4", "m3", "m2"]


class TestKeys:
    async def test_two_processes_that_made_keys_agree(self, store: Store) -> None:
        """The first pair stays: tokens that were signed by it go on verifying."""
        await store.signing_keys.add(POOL, SigningKeyRow("a", b"a", "b", b"b"))
        await store.signing_keys.add(POOL, SigningKeyRow("c", b"c", "d", b"d"))
        assert await store.signing_keys.get(POOL) == SigningKeyRow("a", b"a", "b", b"b")
        assert await store.signing_keys.get("us-east-1_Another01") is None

    async def test_access_keys(self, store: Store) -> None:
        """Found until revoked, listed for ever in the order of their making; an unknown one cannot be revoked."""
        keys = [AccessKey(f"AKIA{number}", "n", "readonly", b"\0s", float(-number)) for number in range(3)]
        for key in keys:
            await store.access_keys.add(key)
        assert await store.access_keys.get("AKIA1") == keys[1]
        await store.access_keys.revoke("AKIA1", 7.0)
        assert await store.access_keys.get("AKIA1") is None
        assert await store.access_keys.list() == [keys[2], msgspec.structs.replace(keys[1], revoked_at=7.0), keys[0]]
        for unknown in ("AKIA1", "AKIA9"):
            with pytest.raises(Missing):
                await store.access_keys.revoke(unknown, 8.0)
