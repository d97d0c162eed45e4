"""Credentials from AWS's own STS (or what stands for it), for those whose resources are at AWS. AssumeRoleWithWebIdentity asks for no signature."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from xml.sax.saxutils import unescape

from cognomen.kernel import outbound
from cognomen.policies.guest import INLINE

_TIMEOUT: Final = 5.0
_MEMBERS: Final = {"access_key_id": "AccessKeyId", "secret_key": "SecretAccessKey", "session_token": "SessionToken"}
# What Cognito adds to a guest's credentials.
GUEST_POLICIES: Final = {
    "Policy": INLINE,
    "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/AmazonCognitoUnAuthedIdentitiesSessionPolicy",
}


class Refused(Exception):
    """STS said no: the role is not there, or does not trust the token."""


class Unreachable(Exception):
    """STS said nothing that can be used."""


def assume(endpoint: str, role_arn: str, token: str, session: str, seconds: int, more: Mapping[str, str]) -> dict[str, Any]:
    """Members of an identity pool's Credentials. Blocks: for a thread. Raises Refused, Unreachable."""
    form = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": role_arn,
        "RoleSessionName": session,
        "WebIdentityToken": token,
        "DurationSeconds": str(seconds),
        **more,
    }
    try:
        answer = outbound.send(
            "POST",
            f"{endpoint.rstrip('/')}/",
            headers={"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
            body=urlencode(form).encode(),
            timeout=_TIMEOUT,
        )
    except outbound.Unreachable as error:
        raise Unreachable from error
    if 400 <= answer.status < 500 and answer.status != 429:
        raise Refused
    if answer.status != 200:
        raise Unreachable
    text = answer.body.decode("utf-8", "replace")
    try:
        found: dict[str, Any] = {name: _element(text, element) for name, element in _MEMBERS.items()}
        return {**found, "expiration": datetime.fromisoformat(_element(text, "Expiration")).timestamp()}
    except ValueError as error:
        raise Unreachable from error


def _element(text: str, name: str) -> str:
    found = re.search(f"<{name}>([^<]+)</{name}>", text)
    if found is None:
        raise ValueError(name)
    return unescape(found[1]).strip()
