"""The store of users: found by sub, name and alias; listed in pages; changed in one call; removed with all that is theirs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from cognomen.storage.codes import Code
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.groups import Group
from cognomen.storage.sessions import Session
from cognomen.storage.store import Store
from cognomen.storage.users import Listed, User, attributes_json, fold

POOL = "us-east-1_Contract1"
# Names whose order, folding or length databases like to disagree about.
ODD = [
    "a",
    "A",
    "aa",
    "Z",
    "z",
    "ä",
    "a\u0308",
    "é",
    "ß",
    "İ",
    "ﬀ",
    "ſ",
    "я",
    "中",
    "\ue000",
    "\uffff",
    "\U0001f600",
    "\U0001f600b",
    "\U0010fffe",
    "~",
    "_",
    "%",
    "\\",
    "'",
    "--",
]


def user(name: str, pool_id: str = POOL, /, **attributes: str) -> User:
    sub = str(uuid4())
    return User(
        pool_id=pool_id,
        sub=sub,
        username=name,
        username_key=name,
        status="CONFIRMED",
        created_at=1.5,
        modified_at=2.25,
        attributes_json=attributes_json(sub, attributes),
        credential=b"\x00\xffsealed",
    )


def listed(one: User) -> tuple[str, Any]:
    """What a list reads of a user: sub, and AWS's UserType."""
    shown = {
        "Username": one.username,
        "Attributes": json.loads(one.attributes_json),
        "UserCreateDate": one.created_at,
        "UserLastModifiedDate": one.modified_at,
        "Enabled": one.enabled,
        "UserStatus": one.status,
    }
    return one.sub, shown


def read(page: Sequence[Listed]) -> list[tuple[str, Any]]:
    return [(sub, json.loads(text)) for sub, text in page]


def names(page: Sequence[Listed]) -> list[str]:
    return [shown["Username"] for _, shown in read(page)]


async def add(store: Store, *users: User) -> None:
    """Adds users, and the pools that they are of where these are not there yet."""

    async def unit(tx: Tx) -> None:
        for each in users:
            await tx.run(
                "INSERT INTO pools (pool_id, region, state, created_at, modified_at, body) VALUES ($1, 'us-east-1', 'active', 0.0, 0.0, '{}')"
                " ON CONFLICT (pool_id) DO NOTHING",
                each.pool_id,
            )
            await store.users.add(tx, each)

    await store.write(unit)


async def test_a_user_comes_back_as_it_was_stored(store: Store) -> None:
    """Every field, through every way to find a user; another pool's are not found."""
    anna = msgspec.structs.replace(
        user("anna", email="a@example.com", name='"\\\n\0\U0001f600'), password_expires_at=3.5, signed_out_at=4.75, enabled=False
    )
    await add(store, anna)

    async def alias(tx: Tx) -> None:
        assert await store.users.claim_alias(tx, anna, "email", "a@example.com") is None

    await store.write(alias)
    assert await store.users.by_sub(POOL, anna.sub) == anna
    assert await store.users.by_username(POOL, "anna") == anna
    assert await store.users.by_alias(POOL, "email", "a@example.com") == anna
    assert anna.attributes == {"email": "a@example.com", "name": '"\\\n\0\U0001f600'}
    assert await store.users.by_sub("us-east-1_Another01", anna.sub) is None
    assert await store.users.by_username("us-east-1_Another01", "anna") is None
    assert await store.users.by_alias(POOL, "phone_number", "a@example.com") is None


async def test_a_name_is_taken_once(store: Store) -> None:
    """Of many who want one name at once, one gets it; the count is of those who did; the name is free in another pool."""
    outcomes = await asyncio.gather(*(add(store, user("anna")) for _ in range(6)), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", *["Taken"] * 5]
    assert await store.users.estimate(POOL) == 1
    await add(store, user("anna", "us-east-1_Another01"))
    assert (await store.users.estimate(POOL), await store.users.estimate("us-east-1_Another01")) == (1, 1)


async def test_change_is_one_call(store: Store) -> None:
    """Changes that come together are applied one after the other, none lost; the searched values follow the attributes."""
    anna = user("anna", email="a@example.com", name="0")
    await add(store, anna)

    async def unit(tx: Tx) -> None:
        def update(now: User) -> User:
            return now.with_attributes({"email": "b@example.com", "name": str(int(now.attributes["name"]) + 1)})

        await store.users.change(tx, POOL, anna.sub, update)

    await asyncio.gather(*(store.write(unit) for _ in range(6)))
    found = await store.users.by_sub(POOL, anna.sub)
    assert found is not None and found.attributes == {"email": "b@example.com", "name": "6"}
    assert await store.users.page_equal(POOL, "email_key", "a@example.com", [], 9) == []
    assert read(await store.users.page_equal(POOL, "email_key", "b@example.com", [], 9)) == [listed(found)]


async def test_a_pool_that_is_gone_takes_no_user(store: Store) -> None:
    """A sign-up that found the pool just before its deletion leaves nothing behind."""
    await add(store, user("anna"))
    await store.engine.write(lambda tx: tx.run("UPDATE pools SET state = 'deleting'"))
    with pytest.raises(Missing):
        await add(store, user("bea"))
    assert names(await store.users.page(POOL, [], 9)) == ["anna"]


async def test_changing_who_is_not_there(store: Store) -> None:
    """Missing, and nothing appears."""

    async def unit(tx: Tx) -> None:
        await store.users.change(tx, POOL, "nobody", lambda one: one)

    with pytest.raises(Missing):
        await store.write(unit)
    assert await store.users.page(POOL, [], 9) == []


async def test_an_alias_leads_to_one_user(store: Store) -> None:
    """Claimed by another it moves and tells whose it was; dropped it leads nowhere; only the owner's drop counts."""
    anna, bea = user("anna"), user("bea")
    await add(store, anna, bea)
    claimed: list[str | None] = []

    async def unit(tx: Tx) -> None:
        claimed[:] = [await store.users.claim_alias(tx, claimant, "email", "x@example.com") for claimant in (anna, anna, bea)]
        await store.users.drop_alias(tx, anna, "email")

    await store.write(unit)
    assert claimed == [None, None, anna.sub]
    assert await store.users.by_alias(POOL, "email", "x@example.com") == bea

    async def drop(tx: Tx) -> None:
        await store.users.drop_alias(tx, bea, "email")

    await store.write(drop)
    assert await store.users.by_alias(POOL, "email", "x@example.com") is None


async def test_removal_takes_all_that_is_theirs(store: Store) -> None:
    """No row of a removed user is left in any table; the neighbour keeps hers; a second removal finds nobody."""
    anna, bea = user("anna"), user("bea")
    await add(store, anna, bea)
    await store.groups.add(Group(POOL, "staff", None, None, None, 1.0, 1.0))
    for one in (anna, bea):
        await store.groups.add_member(POOL, "staff", one.sub)
        session = Session(POOL, str(uuid4()), one.sub, "client", one.sub.encode(), 1.0, 9e9, None, "s")

        async def unit(tx: Tx, one: User = one, session: Session = session) -> None:
            await store.users.claim_alias(tx, one, "email", one.username)
            await store.users.remember_credential(tx, one, 5.0, 3)
            await store.sessions.add(tx, session)
            await store.sessions.rotate(tx, session, one.sub.encode(), one.sub.encode(), b"new" + one.sub.encode(), 9.0)
            await store.codes.put(tx, Code(POOL, one.sub, "confirm", b"d", "email", "v", 9e9))
            await store.attempts.add(tx, POOL, one.sub, "password", 1.0, 900.0)

        await store.write(unit)

    async def remove(tx: Tx) -> None:
        await store.users.remove(tx, anna)

    await store.write(remove)
    tables = ("users", "aliases", "password_history", "group_members", "sessions", "rotated_refresh_tokens", "codes", "attempts")
    counts: Any = {table: (await store.engine.row(f"SELECT count(*) FROM {table}") or [None])[0] for table in tables}
    assert counts == dict.fromkeys(tables, 1)
    assert await store.users.estimate(POOL) == 1
    with pytest.raises(Missing):
        await store.write(remove)
    assert await store.users.estimate(POOL) == 1


async def test_past_credentials(store: Store) -> None:
    """The newest first, no more than were asked to be kept; 0 keeps none."""
    anna = user("anna")
    await add(store, anna)

    async def remember(tx: Tx) -> None:
        for number in range(5):
            await store.users.remember_credential(tx, msgspec.structs.replace(anna, credential=bytes([number])), float(number), 3)

    await store.write(remember)
    assert await store.users.past_credentials(store.engine, POOL, anna.sub, 9) == [b"\x04", b"\x03", b"\x02"]
    assert await store.users.past_credentials(store.engine, POOL, anna.sub, 1) == [b"\x04"]

    async def forget(tx: Tx) -> None:
        await store.users.remember_credential(tx, anna, 9.0, 0)

    await store.write(forget)
    assert await store.users.past_credentials(store.engine, POOL, anna.sub, 9) == []


class TestPages:
    @pytest.mark.parametrize("limit", [1, 7, 60])
    async def test_everyone_once(self, store: Store, limit: int) -> None:
        """Pages by sub: complete, without repeats, in one order, and of one pool only; a user added behind the position is seen."""
        users = [user(f"u{number}") for number in range(30)]
        await add(store, *users, user("foreign", "us-east-1_Another01"))
        seen: list[str] = []
        position: list[str] = []
        while page := await store.users.page(POOL, position, limit):
            assert len(page) <= limit
            seen += [sub for sub, _ in page]
            position = [page[-1][0]]
        assert seen == sorted(one.sub for one in users)

    @pytest.mark.parametrize("limit", [1, 2, 60])
    async def test_odd_values_page_alike_on_every_engine(self, store: Store, limit: int) -> None:
        """Order is that of the code points' bytes, whatever the database's locale; beginning-with finds just those that do."""
        users = [user(f"u{number}", name=value) for number, value in enumerate(ODD)]
        await add(store, *users)
        everyone = sorted(((fold(one.attributes["name"]), one.sub) for one in users), key=lambda pair: (pair[0].encode(), pair[1]))
        for prefix in ("a", "ä", "\U0001f600", "%", "_", "\\", "'", "\uffff"):
            seen: list[tuple[str, str]] = []
            position: list[str] = []
            while page := await store.users.page_beginning(POOL, "name_key", prefix, position, limit):
                seen += [(value, one[0]) for value, one in page]
                position = [page[-1][0], page[-1][1][0]]
            assert seen == [(value, sub) for value, sub in everyone if value.startswith(prefix)], prefix

    async def test_equal_finds_only_equal_ones(self, store: Store) -> None:
        """Each odd name is found by itself and by nothing else: no wildcard, no locale, no normalisation."""
        users = [user(value) for value in ODD]
        await add(store, *users)
        for one in users:
            assert read(await store.users.page_equal(POOL, "username_key", one.username, [], 60)) == [listed(one)]
            assert await store.users.by_username(POOL, one.username) == one

    async def test_nul_cannot_break_a_search(self, store: Store) -> None:
        """PostgreSQL text holds no NUL: a value or a search with one is answered the same on every engine, without an error."""
        nul = user("nul", name="a\0b")
        await add(store, nul)
        assert read(await store.users.page_equal(POOL, "name_key", "a\0b", [], 9)) == [listed(nul)]
        assert read([one for _, one in await store.users.page_beginning(POOL, "name_key", "a\0", [], 9)]) == [listed(nul)]
        assert await store.users.by_alias(POOL, "email", "x\0") is None
        assert await store.users.by_username(POOL, "n\0") is None
        assert await store.users.by_sub(POOL, "n\0") is None

    async def test_by_whether_they_are_enabled(self, store: Store) -> None:
        """Numbers are searched as numbers."""
        off = msgspec.structs.replace(user("off"), enabled=False)
        await add(store, off, user("on"))
        assert read(await store.users.page_equal(POOL, "enabled", 0, [], 9)) == [listed(off)]


async def test_taken_inside_a_unit_ends_it(store: Store) -> None:
    """A user whose name is taken leaves nothing of the unit that wanted to add it."""
    await add(store, user("anna"))
    with pytest.raises(Taken):
        await add(store, user("bea"), user("anna"))
    assert names(await store.users.page(POOL, [], 9)) == ["anna"]
    assert await store.users.estimate(POOL) == 1


async def test_many_at_once_keep_what_one_by_one_would(store: Store) -> None:
    """Names and aliases are unique among the newcomers and against those who are there; counts, lists and aliases are as after `add`."""
    await add(store, user("there"))
    sought = {"email": "a@example.com"}
    newcomers = [
        (user("anna", email="a@example.com"), sought),
        (user("there"), {}),
        (user("berta", email="a@example.com"), sought),
        (user("anna"), {}),
        (user("clara"), {"email": "c@example.com"}),
    ]
    results = await store.write(lambda tx: store.users.add_many(tx, POOL, newcomers))
    assert results == [None, "username", "email", "username", None]
    assert await store.users.estimate(POOL) == 3
    assert await store.users.by_username(POOL, "anna") == newcomers[0][0]
    assert await store.users.by_alias(POOL, "email", "c@example.com") == newcomers[4][0]
    assert await store.users.by_alias(POOL, "email", "a@example.com") == newcomers[0][0]
    assert await store.write(lambda tx: store.users.add_many(tx, POOL, [newcomers[2]])) == ["email"]
    assert await store.write(lambda tx: store.users.add_many(tx, POOL, [])) == []
    with pytest.raises(Missing):
        await store.write(lambda tx: store.users.add_many(tx, "us-east-1_Nowhere00", []))
