"""A live user pool of Amazon Cognito, or of another server that speaks its API, as the directory.

Passwords are checked by InitiateAuth (USER_PASSWORD_AUTH), which needs no AWS credentials; the attributes come by GetUser with the tokens of
that sign-in. Where the pool asks for a second factor there are no tokens, and AdminGetUser tells them, as it does for forgotten passwords:
that one is signed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import partial
from typing import Any, TypeVar

import msgspec

from cognomen.directories.directory import AT_ONCE, SECONDS, NotTold, Person, UnknownThere, WrongThere
from cognomen.kernel import aws_hosts, outbound, received
from cognomen.kernel.aws import Aws, AwsError
from cognomen.kernel.threads import Threads

T = TypeVar("T")
_PREFIX = "AWSCognitoIdentityProviderService"
# They have a password, which is of no use there: here, too, another one must be chosen, by a code.
_CANNOT = frozenset(("UserNotFoundException", "UserNotConfirmedException", "PasswordResetRequiredException"))
_NO_ATTRIBUTES = frozenset(("sub", "identities"))


class _Tokens(msgspec.Struct, frozen=True, rename="pascal"):
    access_token: str


class _SignIn(msgspec.Struct, frozen=True, rename="pascal"):
    authentication_result: _Tokens | None = None
    challenge_name: str = ""
    challenge_parameters: dict[str, str] | None = None


class _Error(msgspec.Struct, frozen=True):
    type: str = msgspec.field(name="__type", default="")


class _Attribute(msgspec.Struct, frozen=True, rename="pascal"):
    name: str
    value: str = ""


class _User(msgspec.Struct, frozen=True, rename="pascal"):
    """GetUser's answer, AdminGetUser's too."""

    username: str
    user_attributes: list[_Attribute]
    user_status: str = ""


class CognitoPool:
    """`client_id` is of a client of that pool with ALLOW_USER_PASSWORD_AUTH. An empty `endpoint` is Amazon's own."""

    def __init__(self, user_pool_id: str, client_id: str, client_secret: str, endpoint: str, aws: Aws) -> None:
        self._pool_id = user_pool_id
        self._client_id = client_id
        self._secret = client_secret
        self._threads = Threads("directory", AT_ONCE)
        self._region = user_pool_id.partition("_")[0]
        self._url = (endpoint or f"https://{aws_hosts.host('cognito-idp', self._region)}").rstrip("/") + "/"
        self._aws = msgspec.structs.replace(aws, endpoints={"cognito-idp": endpoint}, abroad=True)

    async def check(self, username: str, password: str) -> None:
        await self._threads.run(partial(self._initiate, username, password))

    async def person(self, username: str, password: str) -> Person:
        return await self._threads.run(partial(self._person, username, password))

    async def find(self, username: str) -> Person:
        return await self._threads.run(partial(self._find, username))

    def stop(self) -> None:
        self._threads.stop()

    def _person(self, username: str, password: str) -> Person:
        answer = self._initiate(username, password)
        if answer.authentication_result is not None:
            return _named(self._unsigned("GetUser", {"AccessToken": answer.authentication_result.access_token}, _User))
        if answer.challenge_name == "NEW_PASSWORD_REQUIRED" and not self._aws.reaches("cognito-idp"):  # without the sub
            attributes = _as((answer.challenge_parameters or {}).get("userAttributes", "{}").encode(), dict[str, str])
            return _named(_User("", [_Attribute(name, value) for name, value in attributes.items()], "FORCE_CHANGE_PASSWORD"))
        return self._find(username)

    def _initiate(self, username: str, password: str) -> _SignIn:
        parameters = {"USERNAME": username, "PASSWORD": password}
        if self._secret:
            digest = hmac.digest(self._secret.encode(), f"{username}{self._client_id}".encode(), hashlib.sha256)
            parameters["SECRET_HASH"] = base64.b64encode(digest).decode()
        request = {"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": self._client_id, "AuthParameters": parameters}
        answer = self._unsigned("InitiateAuth", request, _SignIn)
        if answer.authentication_result is None and not answer.challenge_name:
            raise NotTold("InitiateAuth was answered with neither tokens nor a challenge")
        return answer

    def _find(self, username: str) -> Person:
        if not self._aws.reaches("cognito-idp"):
            raise NotTold("AdminGetUser of the other pool needs AWS credentials, and there are none")
        request = {"UserPoolId": self._pool_id, "Username": username}
        try:
            answer = self._aws.call("cognito-idp", self._region, f"{_PREFIX}.AdminGetUser", request)
        except AwsError as error:
            if error.code in _CANNOT:
                raise UnknownThere from error
            raise NotTold(f"AdminGetUser: {error}") from error
        return _named(_as(msgspec.json.encode(answer), _User))

    def _unsigned(self, operation: str, request: dict[str, Any], kind: type[T]) -> T:
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"{_PREFIX}.{operation}"}
        try:
            answer = outbound.send("POST", self._url, headers=headers, body=msgspec.json.encode(request), timeout=SECONDS)
        except outbound.Unreachable as error:
            raise NotTold(f"{operation}: {error}") from error
        if answer.status == 200:
            return _as(answer.body, kind)
        code = _as(answer.body, _Error).type.rpartition("#")[2]
        if code == "NotAuthorizedException":
            raise WrongThere
        if code in _CANNOT:
            raise UnknownThere
        raise NotTold(f"{operation} of the other pool answered {answer.status} {code}")


def _as(body: bytes, kind: type[T]) -> T:
    try:
        return received.json(body, kind)
    except received.NotJson as error:
        raise NotTold("the other pool's answer has another form than Amazon's") from error


def _named(user: _User) -> Person:
    attributes = {each.name: each.value for each in user.user_attributes if each.value}
    return Person(
        attributes={name: value for name, value in attributes.items() if name not in _NO_ATTRIBUTES},
        username=user.username,
        sub=attributes.get("sub", ""),
        temporary=user.user_status == "FORCE_CHANGE_PASSWORD",
    )
