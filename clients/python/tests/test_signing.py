"""Signatures and paths, held against botocore's."""

from __future__ import annotations

from datetime import UTC, datetime

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from cognomen_sync.service import Retry, Service
from cognomen_sync.signing import Credentials, host_of, signed

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MINE = Credentials("id", "AKID", "secret", "token", 0.0)
SERVICE = Service({"cognito-sync": "https://sync.example.com:8443/base"}, "eu-west-1", Retry(), NOW.timestamp)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@given(
    path=st.lists(TEXT.filter(lambda part: part not in (".", "..")), min_size=1, max_size=4),
    query=st.dictionaries(TEXT, TEXT, max_size=3),
    body=TEXT,
)
def test_signatures_are_botocores(path: list[str], query: dict[str, str], body: str) -> None:
    """For any path, query and body."""
    request = SERVICE.request("POST", tuple(path), query=query, body={"x": body})
    ours = signed(request, MINE, region="eu-west-1", service="cognito-sync", now=NOW.timestamp()).headers
    headers = {"Host": host_of(request.url), "X-Amz-Date": "20260102T030405Z", "X-Amz-Security-Token": "token"}
    theirs = AWSRequest("POST", request.url, data=request.body, headers=headers)
    theirs.context["timestamp"] = "20260102T030405Z"
    signer = SigV4Auth(BotoCredentials("AKID", "secret", "token"), "cognito-sync", "eu-west-1")
    text = signer.string_to_sign(theirs, signer.canonical_request(theirs))
    assert ours["authorization"].rpartition("Signature=")[2] == signer.signature(text, theirs)


def test_hosts() -> None:
    hosts = [host_of(url) for url in ("https://a.example:443/x", "http://a.example:443/", "http://127.0.0.1:80", "http://[::1]:2646/")]
    assert hosts == ["a.example", "a.example:443", "127.0.0.1", "[::1]:2646"]


def test_paths_are_the_models() -> None:
    """Every path that the library asks for is that of AWS's service model."""
    described = botocore.session.get_session().get_service_model("cognito-sync")
    who = {"IdentityPoolId": "us-east-1:p", "IdentityId": "us-east-1:i"}
    one = {**who, "DatasetName": "d"}
    cases = [
        ("ListRecords", one, ("identities", "us-east-1:i", "datasets", "d", "records")),
        ("UpdateRecords", {**one, "SyncSessionToken": "t"}, ("identities", "us-east-1:i", "datasets", "d")),
        ("DeleteDataset", one, ("identities", "us-east-1:i", "datasets", "d")),
        ("RegisterDevice", {**who, "Platform": "GCM", "Token": "t"}, ("identity", "us-east-1:i", "device")),
        ("SubscribeToDataset", {**one, "DeviceId": "x"}, ("identities", "us-east-1:i", "datasets", "d", "subscriptions", "x")),
        ("UnsubscribeFromDataset", {**one, "DeviceId": "x"}, ("identities", "us-east-1:i", "datasets", "d", "subscriptions", "x")),
    ]
    for operation, members, path in cases:
        made = create_serializer("rest-json", include_validation=False).serialize_to_request(members, described.operation_model(operation))
        ours = SERVICE.request("GET", ("identitypools", "us-east-1:p", *path)).url
        assert ours == f"https://sync.example.com:8443/base{made['url_path']}"
