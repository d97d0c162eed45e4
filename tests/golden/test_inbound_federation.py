"""InboundFederation's event and answer, as AWS's page has them (developer guide, "Inbound federation Lambda trigger"; @types/aws-lambda), through
the machinery that asks every trigger. That it is asked at each sign-in is in tests/operations/test_federated_sign_in.py."""

from __future__ import annotations

from typing import Any

import pytest

from cognomen.api.errors import ServiceError
from cognomen.context import Context
from cognomen.storage.pools import Pool
from cognomen.userpools.hooks import federation
from tests.kit.server import TestServer

GOOGLE = federation.Said(
    provider_name="Google",
    provider_type="Google",
    token_response={"access_token": "opaque", "token_type": "Bearer", "expires_in": "3599"},
    id_token={"sub": "118280321789996478223", "email": "anna@example.com"},
    user_info={"given_name": "Anna"},
)
OKTA = federation.Said(provider_name="Okta", provider_type="SAML", saml_response={"email": "anna@example.com", "groups": "a,b"})
ORIGINAL = {"email": "anna@example.com", "given_name": "Anna"}


async def asked(server: TestServer, function: Any, said: federation.Said = GOOGLE) -> dict[str, str]:
    config = {"InboundFederation": {"LambdaVersion": "V1_0", "LambdaArn": server.functions.add("inbound", function)}} if function else {}
    pool_id = await server.pool(LambdaConfig=config)
    pool: Pool = await server.store.pools.get(pool_id)
    cx = Context(server.server.rooms)
    return await federation.inbound(cx, pool, "the-client", "google_118280321789996478223", said, ORIGINAL)


@pytest.mark.parametrize(
    ("said", "attributes"),
    [
        (
            GOOGLE,
            {
                "tokenResponse": {"access_token": "opaque", "token_type": "Bearer", "expires_in": "3599"},
                "idToken": {"sub": "118280321789996478223", "email": "anna@example.com"},
                "userInfo": {"given_name": "Anna"},
            },
        ),
        (OKTA, {"samlResponse": {"email": "anna@example.com", "groups": "a,b"}}),
    ],
    ids=["oidc", "saml"],
)
async def test_the_event(server: TestServer, said: federation.Said, attributes: dict[str, Any]) -> None:
    await asked(server, lambda event: {}, said)
    (event,) = server.functions.events
    assert event == {
        "version": "1",
        "triggerSource": "InboundFederation_ExternalProvider",
        "region": "us-east-1",
        "userPoolId": event["userPoolId"],
        "userName": "google_118280321789996478223",
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "the-client"},
        "request": {"providerName": said.provider_name, "providerType": said.provider_type, "attributes": attributes},
        "response": {"userAttributesToMap": {}},
    }


@pytest.mark.parametrize(
    ("answer", "mapped"),
    [
        ({}, ORIGINAL),
        ({"userAttributesToMap": {}}, ORIGINAL),
        ({"userAttributesToMap": None}, ORIGINAL),
        ({"userAttributesToMap": {"email": "other@example.com"}}, {"email": "other@example.com"}),
    ],
)
async def test_the_answer(server: TestServer, answer: dict[str, Any], mapped: dict[str, str]) -> None:
    """ "All attributes to be retained must be included; omitted attributes are dropped": but an empty map drops none."""
    assert await asked(server, lambda event: answer) == mapped


@pytest.mark.parametrize(
    "wrong", [{"userAttributesToMap": {"age": 7}}, {"userAttributesToMap": ["email"]}, {"userAttributesToMap": "email"}]
)
async def test_a_wrong_answer(server: TestServer, wrong: dict[str, Any]) -> None:
    with pytest.raises(ServiceError) as refused:
        await asked(server, lambda event: wrong)
    assert (refused.value.code, refused.value.message) == ("InvalidLambdaResponseException", "Unrecognizable lambda output")


async def test_no_function(server: TestServer) -> None:
    assert await asked(server, None) == ORIGINAL
