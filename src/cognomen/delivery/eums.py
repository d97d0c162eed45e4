"""Texts by AWS End User Messaging SMS, or what speaks like it: SendTextMessage, as the EumsSms of a pool's SmsConfiguration says.

https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html
"""

from __future__ import annotations

from typing import Any

from cognomen.api import idp
from cognomen.delivery.message import SMS, Message, NotDelivered, Unavailable
from cognomen.delivery.phone import phone_number
from cognomen.delivery.sender import Sender, Senders
from cognomen.delivery.tries import Tries
from cognomen.kernel.aws import Aws, AwsError
from cognomen.kernel.aws_roles import Roles
from cognomen.kernel.clock import Clock

_PREFIX = "PinpointSMSVoiceV2"


class Eums:
    """`assumes` makes it take the role that the pool's EumsSms names (CallerArn, ExternalId) before it sends."""

    name = "eums"
    serves = frozenset((SMS,))

    def __init__(self, aws: Aws, senders: Senders, tries: Tries, clock: Clock, *, assumes: bool) -> None:
        self._aws = aws
        self._senders = senders
        self._tries = tries
        self._assumes = assumes
        self._roles = Roles(aws, clock)

    async def send(self, message: Message) -> None:
        sender = await self._senders.of(message)
        request = _request(message, sender.eums)

        async def once() -> None:
            await self._tries.in_thread(self._send, sender, request)

        await self._tries.until_taken(once)

    async def check(self) -> str:
        """DescribeAccountAttributes. A key that may send but not ask has proved itself too."""
        region = self._senders.own.sms_region
        try:
            await self._tries.in_thread(self._call, self._aws, region, "DescribeAccountAttributes", {})
        except AwsError as error:
            if error.code != "AccessDeniedException":
                raise NotDelivered(str(error)) from error
            return f"AWS End User Messaging SMS in {region} knows the key, which may not ask DescribeAccountAttributes"
        return f"AWS End User Messaging SMS in {region} answers"

    def _send(self, sender: Sender, request: dict[str, Any]) -> None:
        try:
            aws, eums = self._aws, sender.eums
            if self._assumes and eums is not None:
                aws = self._roles.taken(eums.caller_arn, sender.pool_region, eums.external_id or "")
            self._call(aws, sender.pool_region, "SendTextMessage", request)
        except AwsError as error:
            raise (Unavailable if error.again else NotDelivered)(str(error)) from error

    def _call(self, aws: Aws, region: str, operation: str, request: dict[str, Any]) -> None:
        aws.call("sms-voice", region, f"{_PREFIX}.{operation}", request, version="1.0")


def _request(message: Message, eums: idp.EumsSmsConfigurationType | None) -> dict[str, Any]:
    """SendTextMessage's. Raises NotDelivered for a number that is none."""
    request: dict[str, Any] = {
        "DestinationPhoneNumber": phone_number(message.to),
        "MessageBody": message.body,
        "MessageType": "TRANSACTIONAL",  # as for messages that somebody waits for
    }
    if eums is None:
        return request
    if eums.origination_identity:
        request["OriginationIdentity"] = eums.origination_identity
    if eums.configuration_set_name:
        request["ConfigurationSetName"] = eums.configuration_set_name
    india = {"IN_ENTITY_ID": eums.in_entity_id, "IN_TEMPLATE_ID": eums.in_template_id}
    given = {name: value for name, value in india.items() if value}
    if given:
        request["DestinationCountryParameters"] = given
    return request
