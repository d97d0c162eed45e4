"""Texts by AWS End User Messaging SMS: what a pool's EumsSms says, in requests that AWS's own model accepts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import botocore.loaders
import botocore.model
import botocore.validate
import pytest

from cognomen.tokens.keys import KeyPair, PreparedKeyMaker
from tests.kit.receiver import Receiver
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, TestServer, settings_for

Start = Callable[..., Awaitable[TestServer]]
KEY = {"aws_access_key_id": "AKIDTEXTTEXTTEXTTEXT", "aws_secret_access_key": "the secret of the texts"}
PHONE = "+4915112345678"
EUMS = {
    "CallerArn": "arn:aws:iam::123456789012:role/texts",
    "ExternalId": "the pool's own",
    "OriginationIdentity": "arn:aws:sms-voice:eu-west-1:123456789012:pool/p",
    "ConfigurationSetName": "cognito",
    "InEntityId": "1101",
    "InTemplateId": "1107",
}
ROLE = b"<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s/+=</SecretAccessKey><SessionToken>t/+=</SessionToken>"


@pytest.fixture
async def start(signing_pairs: list[KeyPair]) -> AsyncIterator[Start]:
    running: list[TestServer] = []

    async def make(url: str, **settings: Any) -> TestServer:
        given = settings_for("", delivery="eums", aws_endpoint_sms_voice=url, aws_endpoint_sts=url, **KEY, **settings)
        running.append(await TestServer(given, PreparedKeyMaker(signing_pairs)).start())
        return running[-1]

    yield make
    for server in running:
        await server.stop()


async def signed_up(server: TestServer, **sms: Any) -> str:
    made = {"PoolName": "texts", "AutoVerifiedAttributes": ["phone_number"], "SmsConfiguration": sms}
    pool = (await server.call("CreateUserPool", region="eu-west-1", **made))["UserPool"]["Id"]
    client = await server.client(pool)
    attributes = [{"Name": "phone_number", "Value": PHONE}]
    await server.call("SignUp", ClientId=client, Username="anna", Password=PASSWORD, UserAttributes=attributes)
    return client


def check(operation: str, request: dict[str, Any]) -> None:
    """Against AWS's model: names, types, lengths."""
    model = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("pinpoint-sms-voice-v2", "service-2"))
    report = botocore.validate.ParamValidator().validate(request, model.operation_model(operation).input_shape)
    assert not report.has_errors(), report.generate_report()


async def test_as_the_pool_says(start: Start) -> None:
    """In the pool's region, by its identity, under its configuration set, with what India's law asks for."""
    with Receiver() as receiver:
        server = await start(receiver.url)
        client = await signed_up(server, EumsSms=EUMS)
        [received] = receiver.received
    request = json.loads(received.body)
    check("SendTextMessage", request)
    text = request.pop("MessageBody")
    assert request == {
        "DestinationPhoneNumber": PHONE,
        "MessageType": "TRANSACTIONAL",
        "OriginationIdentity": EUMS["OriginationIdentity"],
        "ConfigurationSetName": "cognito",
        "DestinationCountryParameters": {"IN_ENTITY_ID": "1101", "IN_TEMPLATE_ID": "1107"},
    }
    assert received.header("x-amz-target") == "PinpointSMSVoiceV2.SendTextMessage"
    assert received.header("content-type") == "application/x-amz-json-1.0"
    assert "/eu-west-1/sms-voice/aws4_request" in received.header("authorization")
    code = text.removeprefix("Your verification code is ").removesuffix(".")
    await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=code)


async def test_in_the_pools_role(start: Start) -> None:
    with Receiver((200, ROLE), (200, b"{}")) as receiver:
        await signed_up(await start(receiver.url, sns_assume_role=True), EumsSms=EUMS)
        asked, sent = receiver.received
    assert b"RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Ftexts" in asked.body and b"ExternalId=the+pool%27s+own" in asked.body
    assert "Credential=ASIAROLE/" in sent.header("authorization")


async def test_a_pool_that_says_nothing(start: Start) -> None:
    """Whatever its SmsConfiguration names: the server's setting says by what texts leave, and AWS picks the number."""
    with Receiver() as receiver:
        await signed_up(await start(receiver.url), SnsCallerArn=EUMS["CallerArn"])
        request = json.loads(receiver.received[0].body)
    check("SendTextMessage", request)
    assert request.keys() == {"DestinationPhoneNumber", "MessageType", "MessageBody"}


async def test_one_that_is_refused(start: Start) -> None:
    with Receiver((400, b'{"__type":"ConflictException"}')) as receiver:
        server = await start(receiver.url)
        client = await server.client(await server.pool(AutoVerifiedAttributes=["phone_number"], SmsConfiguration={"EumsSms": EUMS}))
        attributes = [{"Name": "phone_number", "Value": PHONE}]
        found = await refusal(server, "SignUp", ClientId=client, Username="anna", Password=PASSWORD, UserAttributes=attributes)
        assert (found[0], len(receiver.received)) == ("CodeDeliveryFailureException", 1)
