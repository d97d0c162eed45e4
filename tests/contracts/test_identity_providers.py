"""What storage promises of identity providers and of who came through them, on each database."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest

from cognomen.api import idp
from cognomen.storage.clients import Client
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.federated_identities import SUBJECT, FederatedIdentity
from cognomen.storage.identity_providers import FederationKey, IdentityProvider
from cognomen.storage.pools import Pool, PoolSettings
from cognomen.storage.store import Store
from tests.contracts.conftest import Database

POOL, OTHER = "us-east-1_a", "us-east-1_b"
replace = msgspec.structs.replace


def made(name: str = "Okta", *identifiers: str, pool_id: str = POOL) -> IdentityProvider:
    return IdentityProvider(
        pool_id=pool_id,
        name=name,
        kind="OIDC",
        created_at=1.0,
        modified_at=1.0,
        details={"client_id": "x"},
        mapping={"username": "sub"},
        identifiers=list(identifiers),
        facts={"token_url": "https://idp.example.com/token"},
        facts_at=1.0,
        sealed=b"sealed",
    )


def identity(value: str = "1", sub: str = "s", attribute: str = SUBJECT, pool_id: str = POOL) -> FederatedIdentity:
    return FederatedIdentity(
        pool_id=pool_id, provider="Okta", attribute=attribute, value=value, sub=sub, own=True, kind="OIDC", created_at=1.0
    )


async def opened(database: Database) -> Store:
    store = await database.store()
    for pool_id in (POOL, OTHER):
        settings = PoolSettings(pool=idp.UserPoolType(), mfa=idp.GetUserPoolMfaConfigResponse())
        await store.pools.add(Pool(pool_id, "us-east-1", 1.0, 1.0, settings))
    return store


async def test_a_name_once_in_a_pool(database: Database) -> None:
    """Another pool has its own; beyond the quota there is none."""
    store = await opened(database)
    providers = store.identity_providers
    await providers.add(made(), 2)
    with pytest.raises(Taken, match="provider"):
        await providers.add(made(), 2)
    await providers.add(made(pool_id=OTHER), 2)
    await providers.add(made("Ping"), 2)
    with pytest.raises(Taken, match="quota"):
        await providers.add(made("Third"), 2)
    with pytest.raises(Missing):
        await providers.add(made(pool_id="us-east-1_none"), 2)
    assert await providers.get(POOL, "Okta") == made()
    assert await providers.page(POOL, "", 5) == [made(), made("Ping")]
    assert await providers.page(POOL, "Okta", 5) == [made("Ping")]


async def test_a_name_in_any_case(database: Database) -> None:
    store = await opened(database)
    await store.identity_providers.add(made("Ökta"), 9)
    found = [await store.identity_providers.is_name(POOL, name) for name in ("Ökta", "ökTA", "Okta", "")]
    assert (found, await store.identity_providers.is_name(OTHER, "Ökta")) == ([True, True, False, False], False)


async def test_an_identifier_leads_to_one_provider(database: Database) -> None:
    """In whatever case; a change frees what it drops, and takes nothing that is another's."""
    store = await opened(database)
    providers = store.identity_providers
    await providers.add(made("Okta", "Example.com"), 9)
    await providers.add(made("Other", "example.com", pool_id=OTHER), 9)
    with pytest.raises(Taken, match="identifier"):
        await providers.add(made("Ping", "example.COM"), 9)
    assert await providers.get(POOL, "Ping") is None
    await providers.add(made("Ping", "ping"), 9)
    with pytest.raises(Taken, match="identifier"):
        await providers.change(POOL, "Ping", lambda one: replace(one, identifiers=["example.com"]))
    assert await providers.by_identifier(POOL, "EXAMPLE.com") == made("Okta", "Example.com")
    changed = await providers.change(POOL, "Okta", lambda one: replace(one, identifiers=["b"], modified_at=2.0))
    assert (await providers.by_identifier(POOL, "example.com"), await providers.by_identifier(POOL, "B")) == (None, changed)


async def test_a_deleted_provider_leaves_the_clients(database: Database) -> None:
    """Its identifiers, its key and its name in clients go; another provider's stay."""
    store = await opened(database)
    key = FederationKey(pool_id=POOL, name="Okta", created_at=1.0, certificate=b"c", sealed=b"k")
    await store.identity_providers.add(made("Okta", "a"), 9, key)
    for client_id, names in (("one", ["COGNITO", "Okta"]), ("two", ["Okta"]), ("three", ["COGNITO"])):
        settings = idp.UserPoolClientType(supported_identity_providers=names)
        await store.clients.add(Client(POOL, client_id, 1.0, 1.0, settings, ()))
    await store.identity_providers.remove(POOL, "Okta")
    found = [await store.clients.get(POOL, client_id) for client_id in ("one", "two", "three")]
    assert [each and each.settings.supported_identity_providers for each in found] == [["COGNITO"], None, ["COGNITO"]]
    assert (await store.identity_providers.key(POOL, "Okta"), await store.identity_providers.by_identifier(POOL, "a")) == (None, None)
    with pytest.raises(Missing):
        await store.identity_providers.remove(POOL, "Okta")


async def test_of_two_keys_the_first_stays(database: Database) -> None:
    store = await opened(database)
    first = FederationKey(pool_id=POOL, name="", created_at=1.0, certificate=b"c", sealed=b"k")
    assert await store.identity_providers.put_key(first) == first
    assert await store.identity_providers.put_key(replace(first, certificate=b"d")) == first
    assert await store.identity_providers.key(OTHER, "") is None


async def test_an_identity_is_one_users(database: Database) -> None:
    """In its pool, by its attribute; it is removed by whose it is alone."""
    store = await opened(database)
    identities = store.federated_identities

    async def add(tx: Tx, one: FederatedIdentity) -> None:
        await identities.add(tx, one)

    for one in (identity(), identity(pool_id=OTHER), identity(attribute="email"), identity("2")):
        await store.write(partial(add, one=one))
    with pytest.raises(Taken):
        await store.write(lambda tx: add(tx, identity(sub="another")))
    assert await identities.of_user(POOL, "s") == [identity(), identity(attribute="email"), identity("2")]
    assert await identities.find(POOL, "Okta", SUBJECT, "1") == identity()
    assert await store.write(lambda tx: identities.remove(tx, identity(sub="another"))) is False
    assert await store.write(lambda tx: identities.remove(tx, identity())) is True
    assert await identities.find(POOL, "Okta", SUBJECT, "1") is None
