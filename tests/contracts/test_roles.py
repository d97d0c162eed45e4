"""What storage promises of roles and managed policies, on each database."""

from __future__ import annotations

import msgspec
import pytest

from cognomen.storage.errors import Missing, Taken
from cognomen.storage.managed_policies import ManagedPolicy, Version
from cognomen.storage.roles import InlinePolicy, Role
from tests.contracts.conftest import Database

ACCOUNT = "000000000000"


def role(name: str = "Kim", **more: object) -> Role:
    given = {"account": ACCOUNT, "name": name, "path": "/", "role_id": f"AROA{name}", "trust": "{}", "created_at": 1.0, **more}
    return msgspec.convert(given, Role)


def managed(name: str = "Reads") -> ManagedPolicy:
    arn = f"arn:aws:iam::{ACCOUNT}:policy/{name}"
    return ManagedPolicy(
        account=ACCOUNT,
        name=name,
        path="/",
        policy_id=f"ANPA{name}",
        arn=arn,
        created_at=1.0,
        modified_at=1.0,
        default=1,
        last=1,
        versions={1: Version("one", 1.0)},
    )


async def test_names_are_taken_in_any_case(database: Database) -> None:
    """By roles and by policies, within their account."""
    store = await database.store()
    await store.roles.add(role())
    await store.managed_policies.add(managed())
    with pytest.raises(Taken):
        await store.roles.add(role("KIM"))
    with pytest.raises(Taken):
        await store.managed_policies.add(managed("reads"))
    await store.roles.add(msgspec.structs.replace(role(), account="111122223333"))
    assert (await store.roles.get(ACCOUNT, "kIm")) == role()
    assert await store.roles.get("222222222222", "Kim") is None


async def test_pages_skip_what_another_path_has(database: Database) -> None:
    """A page is filled even where most rows are of another path."""
    store = await database.store()
    for number in range(9):
        await store.roles.add(role(f"r{number}", path="/a/" if number % 4 == 0 else "/b/"))
    first = await store.roles.page(ACCOUNT, "", 2, "/a/")
    assert [one.name for one in first] == ["r0", "r4"]
    assert [one.name for one in await store.roles.page(ACCOUNT, "r4", 2, "/a/")] == ["r8"]


async def test_permissions_follow_every_change(database: Database) -> None:
    """What is kept in memory is dropped when a policy, a version or an attachment changes; for other processes too."""
    store = await database.store()
    other = await database.store() if database.shared else store
    await store.roles.add(role())
    await store.managed_policies.add(managed())
    arn = role().arn

    async def held() -> list[tuple[str, str]]:
        found = await other.roles.permissions(arn)
        return list(found.documents) if found else []

    assert await held() == []
    await store.roles.put_inline(ACCOUNT, "Kim", InlinePolicy("own", "inline"), lambda _: None)
    assert await eventually(held, [("own", "inline")])
    await store.roles.attach(ACCOUNT, "Kim", managed().arn, 10)
    assert await eventually(held, [("own", "inline"), ("Reads", "one")])
    second = {1: Version("one", 1.0), 2: Version("two", 2.0)}
    await store.managed_policies.change(
        ACCOUNT, managed().arn, lambda policy: msgspec.structs.replace(policy, versions=second, default=2, last=2)
    )
    assert await eventually(held, [("own", "inline"), ("Reads", "two")])
    await store.roles.detach(ACCOUNT, "Kim", managed().arn)
    await store.roles.remove_inline(ACCOUNT, "Kim", "own")
    assert await eventually(held, [])


async def eventually(ask: object, expected: object) -> bool:
    """PostgreSQL tells other processes a moment later."""
    import asyncio

    for _ in range(100):
        if await ask() == expected:  # type: ignore[operator]
            return True
        await asyncio.sleep(0.02)
    return False


async def test_a_role_goes_only_without_its_policies(database: Database) -> None:
    """And what it gave out before goes with it, for good."""
    store = await database.store()
    await store.managed_policies.add(managed())
    await store.roles.add(role(boundary=managed().arn))
    await store.roles.attach(ACCOUNT, "Kim", managed().arn, 10)
    with pytest.raises(Taken, match="attached"):
        await store.roles.remove(ACCOUNT, "Kim", 5.0)
    with pytest.raises(Taken, match="attached"):
        await store.managed_policies.remove(ACCOUNT, managed().arn)
    await store.roles.detach(ACCOUNT, "Kim", managed().arn)
    assert await store.roles.revoked_before(role().arn) == 0.0
    await store.roles.remove(ACCOUNT, "Kim", 5.0)
    assert await store.roles.revoked_before(role().arn) == 5.0
    await store.roles.revoke(role().arn, 9.0)
    assert await store.roles.revoked_before(role().arn) == 9.0
    await store.managed_policies.remove(ACCOUNT, managed().arn)
    with pytest.raises(Missing):
        await store.roles.remove(ACCOUNT, "Kim", 6.0)


async def test_the_quota_counts_others_only(database: Database) -> None:
    store = await database.store()
    await store.roles.add(role())
    for name in ("a", "b"):
        await store.managed_policies.add(managed(name))
    await store.roles.attach(ACCOUNT, "Kim", managed("a").arn, 1)
    await store.roles.attach(ACCOUNT, "Kim", managed("a").arn, 1)
    with pytest.raises(Taken, match="quota"):
        await store.roles.attach(ACCOUNT, "Kim", managed("b").arn, 1)
    with pytest.raises(Missing, match="policy"):
        await store.roles.attach(ACCOUNT, "Kim", managed("c").arn, 9)
