"""What a browser asks before and around Amplify's requests (FIDELITY A.2), from a live server."""

from __future__ import annotations

import httpx
import pytest

from tests.clients.conftest import App
from tests.kit.live import Live

ORIGIN = "http://localhost:5173"
AMPLIFY = "content-type,x-amz-target,x-amz-user-agent,cache-control,amz-sdk-invocation-id,amz-sdk-request"
EXPOSED = {"x-amzn-requestid", "x-amzn-errortype", "x-amzn-errormessage", "date"}


@pytest.mark.parametrize("headers", [AMPLIFY, f"{AMPLIFY},authorization,x-amz-date,x-amz-security-token", f"{AMPLIFY},x-my-own-header"])
def test_preflight(live: Live, headers: str) -> None:
    """Every header that was asked for is allowed, also an app's own; the answer may be kept for two days."""
    asked = {"origin": ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": headers}
    answer = httpx.options(live.url + "/", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] in ("*", ORIGIN)
    assert set(headers.split(",")) <= {name.strip() for name in answer.headers["access-control-allow-headers"].lower().split(",")}
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-max-age"] == "172800"


@pytest.mark.parametrize("client_id", ["", "nosuchclient"])
def test_answers_can_be_read_by_the_page(live: Live, app: App, client_id: str) -> None:
    """Success and error alike: allowed for every origin, with the headers that the SDKs read exposed."""
    answer = httpx.post(
        live.url + "/",
        headers={
            "origin": ORIGIN,
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": "AWSCognitoIdentityProviderService.SignUp",
            "x-amz-user-agent": "aws-amplify/6.15.0",
        },
        json={"ClientId": client_id or app.client_id, "Username": "browser", "Password": "Correct-Horse-9"},
    )
    assert answer.status_code == (400 if client_id else 200)
    assert answer.headers["access-control-allow-origin"] in ("*", ORIGIN)
    assert {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")} >= EXPOSED
    assert len(answer.headers["x-amzn-requestid"]) == 36
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert "date" in answer.headers, "SDKs set their clock by it"
    if client_id:
        assert answer.headers["x-amzn-errortype"].startswith("ResourceNotFoundException")
        assert answer.json()["__type"] == "ResourceNotFoundException"


@pytest.mark.parametrize("document", ["jwks.json", "openid-configuration"])
def test_public_documents(live: Live, app: App, document: str) -> None:
    """Verifiers in the browser read keys and discovery from any origin."""
    answer = live.get(f"/{app.pool_id}/.well-known/{document}", headers={"origin": ORIGIN})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    missing = live.get(f"/us-east-1_NoSuch001/.well-known/{document}", headers={"origin": ORIGIN})
    assert (missing.status_code, missing.headers["access-control-allow-origin"]) == (404, "*")
