"""Devices told by Amazon SNS, or what speaks like it: a platform endpoint for each, and Publish to it.

https://docs.aws.amazon.com/sns/latest/dg/mobile-push-send-devicetoken.html
"""

from __future__ import annotations

import re

import msgspec

from cognomen.delivery.sync.platform import BadToken, Gone, NoPlatform, NotNow, Told, payload_of
from cognomen.kernel.aws import Aws, AwsError
from cognomen.kernel.aws_roles import Roles

_VERSION = "2010-03-31"
_GONE = frozenset(("EndpointDisabled", "EndpointDisabledException", "NotFound", "NotFoundException"))
_BAD = frozenset(("InvalidParameter", "InvalidParameterException", "InvalidParameterValue"))
_ENDPOINT = re.compile(rb"<EndpointArn>(arn:aws[a-z-]*:sns:[^<\s]{1,500})</EndpointArn>")
_PRESENT = re.compile(rb"Endpoint (arn:aws[a-z-]*:sns:[^<\s]{1,500}) already exists with the same Token")


class SnsPlatform:
    """`assumes` makes it take the role of the pool's PushSync first; else the server's own credentials count."""

    def __init__(self, aws: Aws, roles: Roles, *, assumes: bool) -> None:
        self._aws = aws
        self._roles = roles
        self._assumes = assumes

    def register(self, application: str, role: str, token: str) -> str:
        region = _region(application)
        request = {"Action": "CreatePlatformEndpoint", "Version": _VERSION, "PlatformApplicationArn": application, "Token": token}
        try:
            aws = self._as(role, region)
            arn = _endpoint(aws, region, request)
            # One that was disabled, as its device was away for long, is on again.
            enable = {"Attributes.entry.1.key": "Enabled", "Attributes.entry.1.value": "true"}
            aws.query("sns", region, {"Action": "SetEndpointAttributes", "Version": _VERSION, "EndpointArn": arn, **enable})
        except AwsError as error:
            if error.code in _BAD:
                raise BadToken("sns refused the token") from error
            raise (NotNow if error.again else NoPlatform)(f"The platform application can not be used: {error}") from error
        return arn

    def tell(self, told: Told, role: str) -> None:
        device = told.device
        region = _region(device.application)
        payload = msgspec.json.encode(payload_of(device.platform, told.data)).decode()
        request = {
            "Action": "Publish",
            "Version": _VERSION,
            "TargetArn": device.endpoint,
            "MessageStructure": "json",
            "Message": msgspec.json.encode({"default": "", device.platform: payload}).decode(),
        }
        if device.platform.startswith("APNS"):
            # What Apple asks for messages that nobody sees.
            request |= _attribute(1, "AWS.SNS.MOBILE.APNS.PUSH_TYPE", "background") | _attribute(2, "AWS.SNS.MOBILE.APNS.PRIORITY", "5")
        try:
            self._as(role, region).query("sns", region, request)
        except AwsError as error:
            if error.code in _GONE:
                raise Gone(error.code) from error
            raise (NotNow if error.again else NoPlatform)(str(error)) from error

    def close(self) -> None:
        pass

    def _as(self, role: str, region: str) -> Aws:
        return self._roles.taken(role, region) if self._assumes and role else self._aws


def _endpoint(aws: Aws, region: str, request: dict[str, str]) -> str:
    """The one that is made, or the one that has the token already: SNS names that in an error where its attributes are other ones."""
    try:
        found = _ENDPOINT.search(aws.query("sns", region, request))
    except AwsError as error:
        found = _PRESENT.search(error.body) if error.code in _BAD else None
        if found is None:
            raise
    if found is None:
        raise NotNow("sns answered without an endpoint")
    return found[1].decode()


def _region(arn: str) -> str:
    return arn.split(":")[3]


def _attribute(number: int, name: str, value: str) -> dict[str, str]:
    entry = f"MessageAttributes.entry.{number}"
    return {f"{entry}.Name": name, f"{entry}.Value.DataType": "String", f"{entry}.Value.StringValue": value}
