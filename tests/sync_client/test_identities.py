"""Who is here: guests, users, one after the other on the same device; and what becomes of datasets that are deleted or merged."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from cognomen_sync import Callbacks, NotSignedIn, Refused, adopt_merged_async
from tests.kit.identity import identity
from tests.sync_client.conftest import Devices
from tests.sync_client.test_synchronize import CALM, NOBODY, lost, once, wire_of


async def test_a_guest_becomes_a_new_user(devices: Devices) -> None:
    """The identity stays, and so does the data."""
    client = devices(None)
    dataset = client.open_dataset("settings")
    dataset.put("a", "1")
    await dataset.synchronize()
    guest = client.identity_id
    client.set_logins(devices.logins("kim"))
    dataset.put("b", "2")
    await dataset.synchronize(NOBODY)
    other = devices().open_dataset("settings")
    await other.synchronize()
    assert (client.identity_id, dict(other)) == (guest, {"a": "1", "b": "2"})


@pytest.mark.parametrize("answer_is_lost", [False, True])
async def test_a_guest_becomes_a_known_user(devices: Devices, answer_is_lost: bool) -> None:
    """What the guest stored is merged under the documented name, with what was still to be sent; the application takes it over."""
    known = devices().open_dataset("settings")
    known.put_all({"a": "user's", "b": "user's"})
    await known.synchronize()
    client = devices(None)
    dataset = client.open_dataset("settings")
    dataset.put_all({"a": "guest's", "c": "guest's"})
    await dataset.synchronize()
    dataset.put("d", "guest's, not sent")
    guest = client.identity_id
    client.set_logins(devices.logins("kim"))
    if answer_is_lost:
        wire_of(client, devices).after = lambda request: lost() if "Credentials" in request.headers.get("x-amz-target", "") else None
        with pytest.raises(Exception, match="can not be reached"):
            await dataset.synchronize()
        assert dict(dataset) == {"a": "guest's", "c": "guest's", "d": "guest's, not sent"}
        wire_of(client, devices).after = CALM
    await dataset.synchronize()  # without a callback they stay where they are
    assert client.identity_id != guest
    assert dict(dataset) == {"a": "user's", "b": "user's"}
    assert client.datasets() == ["settings", f"settings.{guest}"]
    told: list[list[str]] = []

    async def merged(dataset: Any, names: list[str]) -> bool:
        told.append(names)
        return await adopt_merged_async(dataset, names)

    await dataset.synchronize(Callbacks(on_datasets_merged=merged))
    await known.synchronize(NOBODY)
    together = {"a": "user's", "b": "user's", "c": "guest's", "d": "guest's, not sent"}
    assert (dict(dataset), dict(known), told, client.datasets()) == (together, together, [[f"settings.{guest}"]], ["settings"])


async def test_data_from_before_the_first_contact(devices: Devices) -> None:
    """Belongs to whoever signs in first, under its own name; where the user has the key already it is a conflict."""
    known = devices().open_dataset("settings")
    known.put("a", "user's")
    await known.synchronize()
    client = devices(None)
    dataset = client.open_dataset("settings")
    dataset.put_all({"a": "mine", "b": "mine"})
    client.set_logins(devices.logins("kim"))
    await dataset.synchronize()
    assert (dict(dataset), client.datasets()) == ({"a": "user's", "b": "mine"}, ["settings"])


async def test_users_in_one_file_are_kept_apart(devices: Devices) -> None:
    """The next user sees nothing of the one before, is not linked to them, and each finds their own again."""
    await devices.world.directory.user("lee")
    client = devices("kim")
    dataset = client.open_dataset("settings")
    dataset.put("a", "kim's")
    await dataset.synchronize()
    kim = client.identity_id
    client.set_logins(devices.logins("lee"))
    await dataset.synchronize(NOBODY)
    assert (dict(dataset), client.identity_id == kim) == ({}, False)
    dataset.put("a", "lee's")
    await dataset.synchronize(NOBODY)
    client.set_logins(devices.logins("kim"))
    await dataset.synchronize(NOBODY)
    assert (dict(dataset), client.identity_id) == ({"a": "kim's"}, kim)


async def test_signing_out(devices: Devices) -> None:
    """What is put then is a new guest's. A user's data is not synchronised without their logins."""
    client = devices("kim", number=0)
    client.open_dataset("settings").put("a", "kim's")
    await client.open_dataset("settings").synchronize()
    kim = client.identity_id
    later = devices(None, number=0).open_dataset("settings")
    with pytest.raises(NotSignedIn):
        await later.synchronize()
    assert dict(later) == {"a": "kim's"}
    client.set_logins(None)
    dataset = client.open_dataset("settings")
    dataset.put("b", "guest's")
    await dataset.synchronize(NOBODY)
    assert (dict(dataset), client.identity_id in (None, kim)) == ({"b": "guest's"}, False)


async def test_the_identity_is_kept_in_the_file(devices: Devices) -> None:
    """A restart asks for credentials alone, and brings back everything; `wipe` forgets it all."""
    first = devices(None, number=0)
    first.open_dataset("settings").put("a", "1")
    await first.open_dataset("settings").synchronize()
    again = devices(None, number=0)
    dataset = again.open_dataset("settings")
    dataset.put("a", "2")
    await dataset.synchronize(NOBODY)
    assert wire_of(again, devices).asked == ["GetCredentialsForIdentity", "GET", "POST"]
    again.wipe()
    assert (again.identity_id, again.datasets(), dict(dataset)) == (None, [], {})


async def test_credentials_are_replaced_before_they_end(devices: Devices) -> None:
    client = devices()
    dataset = client.open_dataset("settings")
    await dataset.synchronize()
    devices.world.server.clock.advance(3_400)
    await dataset.synchronize()
    assert wire_of(client, devices).asked.count("GetCredentialsForIdentity") == 2


async def test_an_identity_that_was_deleted(devices: Devices) -> None:
    """The next one takes over the data, once the application has said so."""
    client = devices(None)
    dataset = client.open_dataset("settings")
    dataset.put("a", "1")
    await dataset.synchronize()
    before = client.identity_id
    await identity(devices.world.server, "DeleteIdentities", IdentityIdsToDelete=[before])
    devices.world.server.clock.advance(3_400)
    await dataset.synchronize(Callbacks(on_dataset_deleted=lambda dataset, name: False))
    assert (dict(dataset), client.identity_id in (None, before), dataset.is_changed) == ({"a": "1"}, False, False)


async def test_a_pool_without_guests(devices: Devices) -> None:
    """What the service refuses is said in its words; the data stays."""
    pool = await identity(devices.world.server, "CreateIdentityPool", IdentityPoolName="x", AllowUnauthenticatedIdentities=False)
    client = devices(None)
    client._session.pool_id = pool["IdentityPoolId"]
    dataset = client.open_dataset("settings")
    dataset.put("a", "1")
    with pytest.raises(Refused) as error:
        await dataset.synchronize()
    assert (error.value.code, dict(dataset)) == ("NotAuthorizedException", {"a": "1"})


@pytest.mark.parametrize("keeps", [None, True, False])
async def test_a_dataset_that_another_device_deleted(devices: Devices, keeps: bool | None) -> None:
    """The application says whether the copy goes too; without a callback it goes. What is kept is stored anew."""
    one, two = devices().open_dataset("settings"), devices().open_dataset("settings")
    one.put_all({"a": "1", "b": "1"})
    await one.synchronize()
    await two.synchronize()
    one.delete()
    await one.synchronize(NOBODY)
    two.put("c", "offline")
    asked: list[str] = []

    def deleted(dataset: Any, name: str) -> bool:
        asked.append(name)
        return bool(keeps)

    await two.synchronize(Callbacks(on_dataset_deleted=None if keeps is None else deleted))
    await one.synchronize(NOBODY)
    rest = {"a": "1", "b": "1", "c": "offline"} if keeps is False else {}
    assert (dict(one), dict(two), asked) == (rest, rest, [] if keeps is None else ["settings"])


async def test_a_deletion_whose_answer_was_lost_is_not_repeated(devices: Devices) -> None:
    """What another device stored meanwhile is not deleted a second time; what was put here after deleting is new."""
    client, other = devices(), devices().open_dataset("settings")
    dataset = client.open_dataset("settings")
    dataset.put("a", "1")
    await dataset.synchronize()
    await other.synchronize()
    dataset.delete()
    assert (dict(dataset), dataset.is_changed) == ({}, True)

    def dies() -> None:
        raise KeyboardInterrupt

    wire_of(client, devices).after = once("DELETE", dies)
    with pytest.raises(KeyboardInterrupt):
        await dataset.synchronize(NOBODY)
    wire_of(client, devices).after = CALM
    await other.synchronize()
    other.put("b", "theirs")
    await other.synchronize(NOBODY)
    dataset.put("c", "mine")
    await dataset.synchronize(NOBODY)
    await other.synchronize(NOBODY)
    assert (dict(dataset), dict(other)) == ({"b": "theirs", "c": "mine"}, {"b": "theirs", "c": "mine"})


async def test_deleting_what_was_never_stored(devices: Devices) -> None:
    """Nothing is there to delete, and nothing fails."""
    client = devices()
    dataset = client.open_dataset("settings")
    dataset.put("a", "1")
    dataset.delete()
    await dataset.synchronize(NOBODY)
    assert ("DELETE" in wire_of(client, devices).asked, dataset.is_changed, client.datasets()) == (False, False, [])


async def test_the_service_is_busy(devices: Devices) -> None:
    """Throttling and failures of the service are waited out."""
    client = devices()
    dataset = client.open_dataset("settings")
    dataset.put("a", "1")
    genuine = wire_of(client, devices)
    count = iter(range(100))

    class Busy(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            number = next(count)
            if number % 4 == 0:
                return httpx.Response(429, json={"__type": "TooManyRequestsException", "message": "later"})
            if number % 4 == 1:
                return httpx.Response(503, content=b"<html>")
            return await genuine.handle_async_request(request)

    busy = devices(transport=Busy(), number=0)
    await busy.open_dataset("settings").synchronize(NOBODY)
    assert (busy.open_dataset("settings").is_changed, dict(busy.open_dataset("settings"))) == (False, {"a": "1"})
