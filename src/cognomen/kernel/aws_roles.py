"""Credentials of a role that AWS's STS, or what speaks like it, lends: kept while they are good. Blocks: for threads."""

from __future__ import annotations

import re

import msgspec

from cognomen.kernel.aws import Aws, AwsError
from cognomen.kernel.clock import Clock

_SECONDS = 900
_RENEWED_BEFORE = 120
_MOST = 1_000


class Roles:
    def __init__(self, aws: Aws, clock: Clock) -> None:
        self._aws = aws
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[float, Aws]] = {}

    def taken(self, role_arn: str, region: str, external_id: str = "") -> Aws:
        """AssumeRole's credentials. Raises AwsError."""
        key = (role_arn, external_id)
        kept = self._kept.get(key)
        if kept is not None and kept[0] > self._clock.now():
            return kept[1]
        request = {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": role_arn,
            "RoleSessionName": "cognomen",
            "DurationSeconds": str(_SECONDS),
        }
        if external_id:
            request["ExternalId"] = external_id
        answer = self._aws.query("sts", region, request).decode("utf-8", "replace")
        key_id, secret, token = (_member(answer, name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
        taken = msgspec.structs.replace(self._aws, access_key_id=key_id, secret_access_key=secret, session_token=token)
        if len(self._kept) >= _MOST:
            self._kept.clear()
        self._kept[key] = (self._clock.now() + _SECONDS - _RENEWED_BEFORE, taken)
        return taken


def _member(answer: str, name: str) -> str:
    """Credentials hold no character that XML would escape, so no parser need read what another server sent."""
    found = re.search(f"<{name}>([A-Za-z0-9+/=_-]+)</{name}>", answer)
    if found is None:
        raise AwsError("sts answered without credentials")
    return found[1]
