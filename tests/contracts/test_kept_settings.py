"""What storage promises of settings that are kept for later, on each database."""

from __future__ import annotations

from tests.contracts.conftest import Database


async def test_the_last_one_of_a_name_is_kept(database: Database) -> None:
    """By pool and kind; another pool's are its own."""
    store = await database.store()
    for pool_id, name, body in (("a", "Google", b"1"), ("a", "Apple", b"2"), ("b", "Google", b"3"), ("a", "Google", b"4")):
        await store.kept_settings.put(pool_id, "IdentityProvider", name, body)
    await store.kept_settings.put("a", "ResourceServer", "Google", b"5")
    assert await store.kept_settings.of("a", "IdentityProvider") == {"Apple": b"2", "Google": b"4"}
    assert await store.kept_settings.of("b", "IdentityProvider") == {"Google": b"3"}
    assert await store.kept_settings.of("b", "Terms") == {}
