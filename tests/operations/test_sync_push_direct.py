"""Push with the pool's own keys: Firebase's and Apple's protocols against captured twins on loopback, their signatures verified."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from cognomen.app import Server
from cognomen.config import BadSetting
from tests.kit.http2_server import Http2Server
from tests.kit.receiver import Receiver
from tests.kit.server import TestServer, settings_for
from tests.kit.sync import Device, pool_for_guests, sync

GCM = "arn:aws:sns:us-east-1:000000000000:app/GCM/game"
APNS = "arn:aws:sns:us-east-1:000000000000:app/APNS/game"
APPLE = {"key_id": "ABC123DEFG", "team_id": "DEF123GHIJ", "topic": "com.example.game"}
PHONE = "0a" * 32
GOOD = (200, json.dumps({"access_token": "the access token", "expires_in": 3600, "token_type": "Bearer"}).encode())
UNREGISTERED = {"error": {"code": 404, "status": "NOT_FOUND", "details": [{"errorCode": "UNREGISTERED"}]}}


class Keys:
    """Private keys as Google and Apple give them."""

    def __init__(self) -> None:
        self.google = rsa.generate_private_key(65537, 2048)
        self.apple = ec.generate_private_key(ec.SECP256R1())

    @staticmethod
    def pem(key: Any) -> str:
        return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys()


@pytest.fixture
def oauth() -> Iterator[Receiver]:
    with Receiver(GOOD) as running:
        yield running


@pytest.fixture
def firebase() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def apple(tmp_path: Path) -> Iterator[Http2Server]:
    with Http2Server(tmp_path) as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, keys: Keys, oauth: Receiver, firebase: Receiver, apple: Http2Server) -> dict[str, Any]:
    account = tmp_path / "firebase.json"
    account.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "game-1",
                "private_key_id": "g1",
                "private_key": Keys.pem(keys.google),
                "client_email": "push@game-1.example",
                "token_uri": f"{oauth.url}/token",
            }
        )
    )
    key = tmp_path / "AuthKey.p8"
    key.write_text(Keys.pem(keys.apple))
    applications = {
        GCM: {"file": str(account), "url": firebase.url},
        APNS: {"file": str(key), "url": apple.url, "ca_file": apple.ca_file, **APPLE},
    }
    return {"push_applications": applications}


async def subscribed(server: TestServer, platform: str, token: str) -> tuple[Device, str]:
    """A device that has heard of nothing yet, and its id."""
    pool_id = await pool_for_guests(server)
    await sync(server, "SetIdentityPoolConfiguration", IdentityPoolId=pool_id, PushSync={"ApplicationArns": [GCM, APNS]})
    await server.alone()
    device = await Device.guest(server, pool_id)
    await device.put(a="1")
    who = (await device.call("RegisterDevice", Platform=platform, Token=token))["DeviceId"]
    await device.call("SubscribeToDataset", DatasetName="settings", DeviceId=who)
    return device, str(who)


async def change(device: Device, value: str) -> None:
    await device.put(a=value)
    await device.server.server.sync.push.deliver()


async def is_registered(device: Device, who: str) -> bool:
    found = await device.server.store.sync_devices.get(*device.who.values(), who)
    return found is not None


class TestFirebase:
    async def test_is_told_as_the_service_account(self, server: TestServer, keys: Keys, oauth: Receiver, firebase: Receiver) -> None:
        """Its assertion is signed and short-lived; the access token is kept while it is good."""
        device, _ = await subscribed(server, "GCM", "a token of Firebase")
        await change(device, "2")
        await change(device, "3")
        server.clock.advance(3_400)
        await change(device, "4")
        assert [each.path for each in firebase.received] == ["/v1/projects/game-1/messages:send"] * 3
        assert {each.header("authorization") for each in firebase.received} == {"Bearer the access token"}
        message = json.loads(firebase.received[0].body)["message"]
        assert (message["token"], message["data"]["syncCount"], message["data"]["source"]) == ("a token of Firebase", "2", "cognito-sync")
        assert "notification" not in message
        assert len(oauth.received) == 2
        form = parse_qs(oauth.received[0].body.decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        claims = jwt.decode(form["assertion"][0], RSAKey.import_key(Keys.pem(keys.google)), algorithms=["RS256"]).claims
        assert (claims["iss"], claims["aud"]) == ("push@game-1.example", f"{oauth.url}/token")
        assert (claims["scope"], claims["exp"] - claims["iat"]) == ("https://www.googleapis.com/auth/firebase.messaging", 3600)

    async def test_keeps_one_notice_of_a_dataset(self, server: TestServer, firebase: Receiver) -> None:
        """For a device that is away: notices of one dataset collapse, those of another do not."""
        device, who = await subscribed(server, "GCM", "t")
        await device.put("games", level="1")
        await device.call("SubscribeToDataset", DatasetName="games", DeviceId=who)
        await change(device, "2")
        await change(device, "3")
        await device.put("games", level="2")
        await server.server.sync.push.deliver()
        messages = [json.loads(each.body)["message"] for each in firebase.received]
        keys = [each["android"]["collapse_key"] for each in messages]
        assert [each["data"]["datasetName"] for each in messages] == ["settings", "settings", "games"]
        assert (keys[0] == keys[1], keys[0] == keys[2], {len(key) for key in keys}) == (True, False, {64})

    async def test_a_token_that_is_not_registered_any_more(self, server: TestServer, firebase: Receiver) -> None:
        device, who = await subscribed(server, "GCM", "t")
        firebase.answers = [(404, json.dumps(UNREGISTERED).encode())]
        await change(device, "2")
        assert not await is_registered(device, who)

    @pytest.mark.parametrize("answer", [(503, b""), (429, b"{}"), (403, b"[]"), (401, b'{"error":"x"}'), (200 + 99, b"\xff")])
    async def test_what_fails_is_told_later(self, server: TestServer, firebase: Receiver, answer: tuple[int, bytes]) -> None:
        device, who = await subscribed(server, "GCM", "t")
        firebase.answers = [answer]
        await change(device, "2")
        firebase.answers = [(200, b"{}")]
        server.clock.advance(2)
        await server.server.sync.push.deliver()
        await server.server.sync.push.deliver()
        assert await is_registered(device, who)
        assert len(firebase.received) == 2

    async def test_a_notice_that_can_not_be_told_for_a_day_is_dropped(self, server: TestServer, firebase: Receiver) -> None:
        device, _ = await subscribed(server, "GCM", "t")
        firebase.answers = [(503, b"")]
        await change(device, "2")
        server.clock.advance(86_401)
        await server.server.sync.push.deliver()
        assert await server.store.engine.rows("SELECT 1 FROM sync_notices") == []


class TestApple:
    async def test_is_told_over_http_2(self, server: TestServer, keys: Keys, apple: Http2Server) -> None:
        """On one connection, silently, with a provider token that is kept for a while."""
        device, _ = await subscribed(server, "APNS", PHONE)
        await change(device, "2")
        await change(device, "3")
        server.clock.advance(2_400)
        await change(device, "4")
        assert apple.connections == 1
        assert {(each.method, each.path) for each in apple.received} == {("POST", f"/3/device/{PHONE}")}
        first = apple.received[0]
        named = {name: first.header(name) for name in ("apns-topic", "apns-push-type", "apns-priority")}
        assert named == {"apns-topic": "com.example.game", "apns-push-type": "background", "apns-priority": "5"}
        payload = json.loads(first.body)
        assert (payload["aps"], payload["data"]["syncCount"]) == ({"content-available": 1}, "2")
        tokens = [each.header("authorization").removeprefix("bearer ") for each in apple.received]
        assert (tokens[0] == tokens[1], tokens[0] == tokens[2]) == (True, False)
        made = jwt.decode(tokens[0], ECKey.import_key(Keys.pem(keys.apple)), algorithms=["ES256"])
        assert (made.header["kid"], made.claims["iss"]) == ("ABC123DEFG", "DEF123GHIJ")

    @pytest.mark.parametrize("answer", [(410, b'{"reason":"Unregistered"}'), (400, b'{"reason":"BadDeviceToken"}')])
    async def test_a_token_that_is_not_registered_any_more(self, server: TestServer, apple: Http2Server, answer: tuple[int, bytes]) -> None:
        device, who = await subscribed(server, "APNS", PHONE)
        apple.answers = [answer]
        await change(device, "2")
        assert not await is_registered(device, who)

    async def test_a_connection_that_ends_is_made_anew(self, server: TestServer, apple: Http2Server) -> None:
        device, who = await subscribed(server, "APNS", PHONE)
        apple.hang_ups = True
        for value in ("2", "3"):
            await change(device, value)
        assert [json.loads(each.body)["data"]["syncCount"] for each in apple.received] == ["2", "3"]
        assert await is_registered(device, who)

    @pytest.mark.parametrize("answer", [(503, b""), (429, b'{"reason":"TooManyRequests"}'), (403, b'{"reason":"ExpiredProviderToken"}')])
    async def test_what_fails_is_told_later(self, server: TestServer, apple: Http2Server, answer: tuple[int, bytes]) -> None:
        device, who = await subscribed(server, "APNS", PHONE)
        apple.answers = [answer]
        await change(device, "2")
        apple.answers = [(200, b"")]
        server.clock.advance(2)
        await server.server.sync.push.deliver()
        assert (len(apple.received), await is_registered(device, who)) == (2, True)

    @pytest.mark.parametrize("token", ["../../3/device/x", "zz" * 32, "0a", PHONE + "?x=1"])
    async def test_a_token_that_is_no_device_token(self, server: TestServer, token: str) -> None:
        """It would stand in the path of the request."""
        device, _ = await subscribed(server, "APNS", PHONE)
        assert (await device.refused("RegisterDevice", Platform="APNS", Token=token))[1:] == (
            "InvalidParameterException",
            "Token is not valid.",
        )


@pytest.mark.parametrize(
    ("arn", "content", "text"),
    [
        (GCM, "{}", "file must be the JSON of a service account's key"),
        (GCM, '{"project_id":"p","client_email":"e","private_key":"no key"}', "file must be the JSON of a service account's key"),
        (APNS, "no key", "file must be a private key (.p8) as Apple gives it"),
        (APNS.replace("APNS", "ADM"), "x", "must be arn:aws:sns:REGION:ACCOUNT:app/PLATFORM/NAME with GCM, APNS or APNS_SANDBOX"),
    ],
)
def test_bad_settings_are_refused_at_the_start(tmp_path: Path, arn: str, content: str, text: str) -> None:
    file = tmp_path / "key"
    file.write_text(content)
    with pytest.raises(BadSetting) as error:
        Server(settings_for("", push_applications={arn: {"file": str(file), **APPLE}}))
    assert str(error.value) == f"push_applications, {arn}: {text}"
