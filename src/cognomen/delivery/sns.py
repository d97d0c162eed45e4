"""Texts by Amazon SNS, or what speaks like it: Publish to a phone number, as a pool's SmsConfiguration says.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

from __future__ import annotations

import re

import msgspec

from cognomen.delivery.message import SMS, Message, NotDelivered, Unavailable
from cognomen.delivery.phone import phone_number
from cognomen.delivery.sender import Sender, Senders
from cognomen.delivery.tries import Tries
from cognomen.kernel.aws import Aws, AwsError
from cognomen.kernel.clock import Clock

_ROLE_SECONDS = 900
_RENEWED_BEFORE = 120
_MOST_ROLES = 1_000


class Sns:
    """`assumes` makes it take the role that the pool's SmsConfiguration names (SnsCallerArn, ExternalId) before it publishes."""

    name = "sns"
    serves = frozenset((SMS,))

    def __init__(self, aws: Aws, senders: Senders, tries: Tries, clock: Clock, *, assumes: bool) -> None:
        self._aws = aws
        self._senders = senders
        self._tries = tries
        self._clock = clock
        self._assumes = assumes
        self._roles: dict[tuple[str, str], tuple[float, Aws]] = {}

    async def send(self, message: Message) -> None:
        sender = await self._senders.of(message)
        request = {
            "Action": "Publish",
            "Version": "2010-03-31",
            "PhoneNumber": phone_number(message.to),
            "Message": message.body,
            # What AWS documents for messages that somebody waits for.
            "MessageAttributes.entry.1.Name": "AWS.SNS.SMS.SMSType",
            "MessageAttributes.entry.1.Value.DataType": "String",
            "MessageAttributes.entry.1.Value.StringValue": "Transactional",
        }

        async def once() -> None:
            await self._tries.in_thread(self._publish, sender, request)

        await self._tries.until_taken(once)

    async def check(self) -> str:
        """GetSMSAttributes. A key that may send but not ask has proved itself too."""
        region = self._senders.own.sms_region
        request = {"Action": "GetSMSAttributes", "Version": "2010-03-31"}
        try:
            await self._tries.in_thread(self._aws.query, "sns", region, request)
        except AwsError as error:
            if error.code not in ("AuthorizationError", "AccessDenied"):
                raise NotDelivered(str(error)) from error
            return f"Amazon SNS in {region} knows the key, which may not ask GetSMSAttributes"
        return f"Amazon SNS in {region} answers"

    def _publish(self, sender: Sender, request: dict[str, str]) -> None:
        try:
            aws = self._as_role(sender) if self._assumes and sender.sms_role else self._aws
            aws.query("sns", sender.sms_region, request)
        except AwsError as error:
            raise (Unavailable if error.again else NotDelivered)(str(error)) from error

    def _as_role(self, sender: Sender) -> Aws:
        """AssumeRole's credentials, kept while they are good."""
        key = (sender.sms_role, sender.sms_external_id)
        kept = self._roles.get(key)
        if kept is not None and kept[0] > self._clock.now():
            return kept[1]
        request = {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": sender.sms_role,
            "RoleSessionName": "cognomen",
            "DurationSeconds": str(_ROLE_SECONDS),
        }
        if sender.sms_external_id:
            request["ExternalId"] = sender.sms_external_id
        answer = self._aws.query("sts", sender.sms_region, request).decode("utf-8", "replace")
        key_id, secret, token = (_member(answer, name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
        taken = msgspec.structs.replace(self._aws, access_key_id=key_id, secret_access_key=secret, session_token=token)
        if len(self._roles) >= _MOST_ROLES:
            self._roles.clear()
        self._roles[key] = (self._clock.now() + _ROLE_SECONDS - _RENEWED_BEFORE, taken)
        return taken


def _member(answer: str, name: str) -> str:
    """Credentials hold no character that XML would escape, so no parser need read what another server sent."""
    found = re.search(f"<{name}>([A-Za-z0-9+/=_-]+)</{name}>", answer)
    if found is None:
        raise AwsError("sts answered without credentials")
    return found[1]
