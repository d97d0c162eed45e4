"""Push and streams of Cognito Sync from a real process: signed and presigned event streams, Chromium's EventSource, and kill -9 in a delivery."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from playwright.sync_api import sync_playwright

from tests.clients.test_log_survival import wait_for
from tests.kit.identity import trust
from tests.kit.live import Live
from tests.kit.receiver import Receiver
from tests.kit.sync import OWN

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
REGION = "us-east-1"


class Guest:
    """A guest of an identity pool of its own, who may do in Sync whatever concerns its data."""

    def __init__(self, live: Live, key: tuple[str, str]) -> None:
        self.live = live
        admin, iam = live.boto(key, service="cognito-identity"), live.boto(key, service="iam")
        self.developer = live.boto(key, service="cognito-sync")
        self.pool_id = admin.create_identity_pool(IdentityPoolName="p", AllowUnauthenticatedIdentities=True)["IdentityPoolId"]
        role = iam.create_role(RoleName="guests", AssumeRolePolicyDocument=trust(self.pool_id, "unauthenticated"))["Role"]["Arn"]
        statement = {"Effect": "Allow", "Action": "cognito-sync:*", "Resource": f"{OWN}*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName="guests", PolicyName="sync", PolicyDocument=document)
        admin.set_identity_pool_roles(IdentityPoolId=self.pool_id, Roles={"unauthenticated": role})
        self.identity_id = admin.get_id(IdentityPoolId=self.pool_id)["IdentityId"]
        made = admin.get_credentials_for_identity(IdentityId=self.identity_id)["Credentials"]
        self.credentials = Credentials(made["AccessKeyId"], made["SecretKey"], made["SessionToken"])
        session = boto3.Session(made["AccessKeyId"], made["SecretKey"], made["SessionToken"], region_name=REGION)
        self.sync = session.client("cognito-sync", endpoint_url=live.url)
        self.who = {"IdentityPoolId": self.pool_id, "IdentityId": self.identity_id}

    def put(self, dataset: str, key: str, value: str) -> None:
        token = self.sync.list_records(**self.who, DatasetName=dataset)["SyncSessionToken"]
        patch = {"Op": "replace", "Key": key, "Value": value, "SyncCount": 0}
        self.sync.update_records(**self.who, DatasetName=dataset, SyncSessionToken=token, RecordPatches=[patch])

    @property
    def events(self) -> str:
        return f"{self.live.url}/identitypools/{self.pool_id}/identities/{self.identity_id}/events"

    def signed(self) -> dict[str, str]:
        request = AWSRequest("GET", self.events)
        SigV4Auth(self.credentials, "cognito-sync", REGION).add_auth(request)
        return dict(request.headers.items())

    def presigned(self) -> str:
        request = AWSRequest("GET", self.events)
        SigV4QueryAuth(self.credentials, "cognito-sync", REGION, expires=300).add_auth(request)
        return str(request.url)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """In production: every signature is checked."""
    with Live(tmp_path / "data", "serve") as running:
        yield running


@pytest.fixture
def guest(live: Live) -> Guest:
    made = live.command("keys", "create", "--name", "developer", "--policy", "admin")
    return Guest(live, (made["AccessKeyId"], made["SecretAccessKey"]))


def first_event(lines: Iterator[str]) -> dict[str, Any]:
    """The data of the next event."""
    data: dict[str, Any] = json.loads(next(line for line in lines if line.startswith("data: ")).removeprefix("data: "))
    return data


def test_a_real_client_hears_of_changes(guest: Guest) -> None:
    """Signed in headers, and in the address; an altered address is refused; the server stops at once all the same."""
    for count, (url, headers) in enumerate([(guest.events, guest.signed()), (guest.presigned(), {})], 1):
        with httpx.Client(timeout=10, verify=False) as client, client.stream("GET", url, headers=headers) as answer:
            assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
            lines = answer.iter_lines()
            assert next(lines) == "retry: 2000"
            guest.put("settings", f"key{count}", "1")
            assert first_event(lines)["syncCount"] == str(count)
    other = guest.presigned().replace(guest.identity_id, f"{REGION}:00000000-0000-4000-8000-000000000000")
    assert httpx.get(other, verify=False).json()["__type"] == "InvalidSignatureException"
    assert httpx.get(guest.events, verify=False).json()["__type"] == "MissingAuthenticationTokenException"
    with httpx.Client(timeout=10, verify=False) as client, client.stream("GET", guest.presigned()) as answer:
        assert answer.status_code == 200
        began = time.monotonic()
        assert guest.live.stop() == 0
        assert time.monotonic() - began < 5


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_an_event_source_of_chromium(guest: Guest) -> None:
    """From a page of another origin."""
    with Receiver((200, b"<!doctype html><title>app</title>")) as app, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--no-proxy-server"])
        page = browser.new_page()
        page.goto(app.url)
        listen = "url => { window.told = []; const s = window.source = new EventSource(url); s.addEventListener('sync', e => window.told.push(JSON.parse(e.data)));"
        page.evaluate(
            listen + " return new Promise((done, fail) => { s.onopen = () => done(0); s.onerror = () => fail(1); }); }", guest.presigned()
        )
        guest.put("games", "level", "1")
        page.wait_for_function("window.told.length > 0")
        told = page.evaluate("window.told[0]")
        browser.close()
    assert (told["source"], told["datasetName"], told["syncCount"]) == ("cognito-sync", "games", "1")


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.timeout(240)  # what a process that died had claimed is left to it for two minutes
def test_kill_9_while_changes_are_delivered(tmp_path: Path) -> None:
    """Every update that was answered arrives in the file, in order, though the process is killed again and again."""
    folder = tmp_path / "streams"
    folder.mkdir()
    settings = {"COGNOMEN_SYNC_STREAMS": "files", "COGNOMEN_SYNC_STREAMS_FOLDER": str(folder)}
    with Live(tmp_path / "data", environment=settings) as live:
        guest = Guest(live, ("AKIDANYTHING", "any secret"))
        streams = {"StreamName": "changes", "StreamingStatus": "ENABLED"}
        guest.developer.set_identity_pool_configuration(IdentityPoolId=guest.pool_id, CognitoStreams=streams)
        for part in range(4):
            for number in range(10):
                guest.put("settings", f"{part}-{number}", "x")
            live.kill()
            live.start()
        file = folder / "changes.ndjson"
        assert wait_for(lambda: {each["syncCount"] for each in lines_of(file)} == set(range(1, 41)), 150)
        seen = list(dict.fromkeys(each["syncCount"] for each in lines_of(file)))
    assert seen == list(range(1, 41))
