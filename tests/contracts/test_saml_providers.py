"""What storage promises of SAML providers, and federation of their responses as logins, on each database."""

from __future__ import annotations

import base64

import msgspec
import pytest

from cognomen.federation import saml
from cognomen.kernel.secrets import Sealer
from cognomen.saml.errors import BadSignature, Expired, Malformed
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.saml_providers import SamlProvider
from cognomen.storage.store import Store
from tests.contracts.conftest import Database
from tests.kit.saml import ENDPOINT, ENTITY, NOW, Provider, written

ACCOUNT = "000000000000"
PROVIDER = Provider()
SEALER = Sealer(b"\x07" * 32)


def made(name: str = "Corp") -> SamlProvider:
    return SamlProvider(
        account=ACCOUNT, name=name, uuid=f"SAMLSP{name}", created_at=1.0, entity_id=ENTITY, certificates=[PROVIDER.certificate]
    )


async def test_one_name_once_and_not_too_many(database: Database) -> None:
    """Names differ by case; another account has its own."""
    store = await database.store()
    await store.saml_providers.add(made(), "<x/>", 2)
    with pytest.raises(Taken, match="provider"):
        await store.saml_providers.add(made(), "<y/>", 2)
    await store.saml_providers.add(made("corp"), "<z/>", 2)
    with pytest.raises(Taken, match="quota"):
        await store.saml_providers.add(made("third"), "<z/>", 2)
    assert await store.saml_providers.list(ACCOUNT) == [made(), made("corp")]
    assert await store.saml_providers.get("111122223333", "Corp") is None


async def test_a_change_keeps_the_document_that_is_not_given(database: Database) -> None:
    store = await database.store()
    await store.saml_providers.add(made(), "<x/>", 2)
    after = await store.saml_providers.change(ACCOUNT, "Corp", lambda one: msgspec.structs.replace(one, tags={"a": "b"}))
    assert (await store.saml_providers.get(ACCOUNT, "Corp"), await store.saml_providers.document(ACCOUNT, "Corp")) == (after, "<x/>")
    await store.saml_providers.change(ACCOUNT, "Corp", lambda one: one, "<y/>")
    assert await store.saml_providers.document(ACCOUNT, "Corp") == "<y/>"
    await store.saml_providers.remove(ACCOUNT, "Corp")
    for gone in (store.saml_providers.remove(ACCOUNT, "Corp"), store.saml_providers.document(ACCOUNT, "Corp")):
        with pytest.raises(Missing):
            await gone


async def login(store: Store, response: str, now: float = NOW, arn: str = made().arn, audience: str = "") -> saml.Login:
    return await saml.verified(store, SEALER, account=ACCOUNT, region="eu-west-1", arn=arn, response=response, now=now, audience=audience)


async def test_a_response_is_a_login(database: Database) -> None:
    """At AWS's sign-in address, with and without the region, and at the operator's own; and at no other."""
    store = await database.store()
    await store.saml_providers.add(made(), "<x/>", 2)
    regional, own = "https://eu-west-1.signin.aws.amazon.com/saml", "https://id.example.com/saml"
    for address in (ENDPOINT, regional, f"{ENDPOINT}/acs/SAMLSPCorp", own):
        found = await login(store, PROVIDER.encoded(NOW, recipient=address, audience=address), audience=own)
        assert (found.name_id, found.subject_type, found.recipient, found.until) == ("kim", "persistent", address, NOW + 360)
    with pytest.raises(saml.UnknownProvider):
        await login(store, PROVIDER.encoded(NOW), arn="arn:aws:iam::111122223333:saml-provider/Corp")
    with pytest.raises(Expired):
        await login(store, PROVIDER.encoded(NOW), NOW + 360)
    with pytest.raises(BadSignature):
        await login(store, base64.b64encode(written(PROVIDER.response())).decode())
    with pytest.raises(Malformed):
        await login(store, "not base64")


async def test_an_assertion_is_marked_once(database: Database) -> None:
    """Until it counts no more; another provider's of the same ID is another."""
    store = await database.store()
    await store.saml_providers.add(made(), "<x/>", 2)
    found = await login(store, PROVIDER.encoded(NOW))

    async def unit(tx: Tx) -> bool:
        return await saml.used(store, SEALER, tx, found)

    assert [await store.write(unit), await store.write(unit)] == [False, True]
    await store.sweep(found.until + 1)
    assert await store.write(unit) is False
