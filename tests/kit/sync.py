"""Cognito Sync as botocore speaks it, against the server in the test's own process; and devices of identities with real temporary credentials."""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from tests.kit.aws_query import query
from tests.kit.identity import identity, identity_pool, role, trust
from tests.kit.server import AwsError, TestServer

OWN = "arn:aws:cognito-sync:us-east-1:*:identitypool/${cognito-identity.amazonaws.com:aud}/identity/${cognito-identity.amazonaws.com:sub}"


@cache
def _service() -> ServiceModel:
    return botocore.session.get_session().get_service_model("cognito-sync")


async def sync(server: TestServer, operation: str, headers: dict[str, str] | None = None, **members: Any) -> Any:
    """The answer as boto3 gives it, without its metadata; without headers a developer calls. Raises AwsError."""
    described = _service().operation_model(operation)
    made = create_serializer("rest-json", include_validation=False).serialize_to_request(members, described)
    body = made["body"].encode() if isinstance(made["body"], str) else made["body"] or b""
    sent = {**{name.lower(): str(value) for name, value in made["headers"].items()}, **(headers or {})}
    reply = await server.send(made["method"], made["url_path"], body, sent, query=urlencode(made["query_string"]))
    parsed = create_parser("rest-json").parse(
        {"status_code": reply.status, "headers": reply.headers, "body": reply.body}, described.output_shape
    )
    if reply.status >= 300:
        raise AwsError(reply.status, parsed["Error"]["Code"], parsed["Error"].get("Message", ""))
    parsed.pop("ResponseMetadata", None)
    return parsed


async def refused(server: TestServer, operation: str, headers: dict[str, str] | None = None, **members: Any) -> tuple[int, str, str]:
    """(status, code, text) of the error. Fails when there is none."""
    with pytest.raises(AwsError) as error:
        await sync(server, operation, headers, **members)
    return error.value.status, error.value.code, error.value.message


async def pool_for_guests(server: TestServer, resource: str = f"{OWN}*", name: str = "guests") -> str:
    """An identity pool whose guests may do in Sync what the resource says."""
    pool_id = await identity_pool(server)
    arn = await role(server, name, trust(pool_id, "unauthenticated"))
    statement = {"Effect": "Allow", "Action": "cognito-sync:*", "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await query(server, "iam", "PutRolePolicy", RoleName=name, PolicyName="sync", PolicyDocument=document)
    await identity(server, "SetIdentityPoolRoles", IdentityPoolId=pool_id, Roles={"unauthenticated": arn})
    return pool_id


class Device:
    """Speaks for one identity with its credentials. `who` names it in requests."""

    def __init__(self, server: TestServer, pool_id: str, identity_id: str, headers: dict[str, str]) -> None:
        self.server = server
        self.who: dict[str, Any] = {"IdentityPoolId": pool_id, "IdentityId": identity_id}
        self.headers = headers

    @classmethod
    async def guest(cls, server: TestServer, pool_id: str) -> Device:
        identity_id = (await identity(server, "GetId", IdentityPoolId=pool_id))["IdentityId"]
        return await cls.of(server, pool_id, IdentityId=identity_id)

    @classmethod
    async def of(cls, server: TestServer, pool_id: str, **request: Any) -> Device:
        """Of the identity that these logins lead to."""
        answer = await identity(server, "GetCredentialsForIdentity", **request)
        made = answer["Credentials"]
        scope = f"Credential={made['AccessKeyId']}/20260101/us-east-1/cognito-sync/aws4_request"
        headers = {
            "authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature={'0' * 64}",
            "x-amz-security-token": made["SessionToken"],
        }
        return cls(server, pool_id, answer["IdentityId"], headers)

    async def call(self, operation: str, **members: Any) -> Any:
        return await sync(self.server, operation, self.headers, **{**self.who, **members})

    async def refused(self, operation: str, **members: Any) -> tuple[int, str, str]:
        return await refused(self.server, operation, self.headers, **{**self.who, **members})

    async def token(self, dataset: str = "settings") -> str:
        return str((await self.call("ListRecords", DatasetName=dataset))["SyncSessionToken"])

    async def put(self, dataset: str = "settings", **values: str) -> dict[str, int]:
        """Puts keys in a session of their own, whatever their counts; the counts after it."""
        listed = await self.call("ListRecords", DatasetName=dataset)
        counts = {record["Key"]: record["SyncCount"] for record in listed["Records"]}
        changes = [replace(key, value, counts.get(key, 0)) for key, value in values.items()]
        answer = await self.call("UpdateRecords", DatasetName=dataset, SyncSessionToken=listed["SyncSessionToken"], RecordPatches=changes)
        return {record["Key"]: record["SyncCount"] for record in answer["Records"]}

    async def values(self, dataset: str = "settings", since: int = 0) -> dict[str, str | None]:
        listed = await self.call("ListRecords", DatasetName=dataset, LastSyncCount=since)
        return {record["Key"]: record.get("Value") for record in listed["Records"]}


def replace(key: str, value: str, count: int = 0, **more: Any) -> dict[str, Any]:
    return {"Op": "replace", "Key": key, "Value": value, "SyncCount": count, **more}


def remove(key: str, count: int, **more: Any) -> dict[str, Any]:
    return {"Op": "remove", "Key": key, "SyncCount": count, **more}


async def put_as_developer(server: TestServer, who: dict[str, Any], dataset: str = "settings", **values: str) -> None:
    """New keys, past every function."""
    token = (await sync(server, "ListRecords", DatasetName=dataset, **who))["SyncSessionToken"]
    changes = [replace(key, value) for key, value in values.items()]
    await sync(server, "UpdateRecords", DatasetName=dataset, SyncSessionToken=token, RecordPatches=changes, **who)
