"""What a request says of the device it comes from: EncodedData as AWS's context data libraries make it, else the user agent. Pure.

EncodedData is base64 of {"payload", "signature", "version"}. `payload` is JSON in a string: {"contextData": {...}, "username",
"userPoolId", "timestamp"}; `signature` is base64 of HMAC-SHA256 by the client id over version and payload. (aws-amplify/amplify-android,
`auth/cognito/asf`; the JavaScript library does the same.) The key is public, so the signature proves nothing: data whose
signature does not fit was damaged or made up, and counts as none. What it says can make a sign-in riskier, and never lets one in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re

import msgspec

_LONGEST = 16_384
_SHOWN = 128
# (in the user agent, as it is shown): the first that is there counts, so those that also name another stand before it
_PROGRAMS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("aws-amplify", "Amplify"),
    ("aws-cli/", "AWS CLI"),
    ("Boto3/", "Boto3"),
    ("Botocore/", "Botocore"),
    ("aws-sdk-", "AWS SDK"),
    ("okhttp/", "okhttp"),
    ("Dart/", "Dart"),
)
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Macintosh", "macOS"),
    ("macos", "macOS"),
    ("Linux", "Linux"),
    ("linux", "Linux"),
)
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Device(msgspec.Struct, frozen=True):
    """`mark` is what tells this device from others, empty where nothing does. `name` and `timezone` are shown, and nothing depends on them."""

    mark: str = ""
    name: str = ""
    timezone: str = ""


class _Context(msgspec.Struct, frozen=True):
    device_id: str = msgspec.field(default="", name="DeviceId")
    fingerprint: str = msgspec.field(default="", name="DeviceFingerprint")
    device_name: str = msgspec.field(default="", name="DeviceName")
    user_agent: str = msgspec.field(default="", name="UserAgent")
    timezone: str = msgspec.field(default="", name="ClientTimezone")


class _Payload(msgspec.Struct, frozen=True):
    context: _Context = msgspec.field(name="contextData")
    pool_id: str = msgspec.field(default="", name="userPoolId")


class _Envelope(msgspec.Struct, frozen=True):
    payload: str
    signature: str
    version: str = ""


_envelope = msgspec.json.Decoder(_Envelope).decode
_payload = msgspec.json.Decoder(_Payload).decode


def device(encoded: str, user_agent: str, *, pool_id: str, client_id: str) -> Device:
    """The device that a request tells of. Without usable EncodedData it is the kind of program and system, whatever their versions."""
    said = _read(encoded, pool_id, client_id) if encoded else None
    kind = _kind(said.user_agent if said and said.user_agent else user_agent)
    if said is None:
        # Data that is there and does not fit is no device that anybody knows.
        return Device(mark=f"agent:{kind}" if kind and not encoded else "", name=kind)
    mark = said.device_id or said.fingerprint
    return Device(
        mark=f"device:{mark}" if mark else "",
        name=_shown(said.device_name) or kind,
        timezone=_shown(said.timezone),
    )


def _read(encoded: str, pool_id: str, client_id: str) -> _Context | None:
    if len(encoded) > _LONGEST:
        return None
    try:
        # Android's encoder breaks lines.
        envelope = _envelope(base64.b64decode("".join(encoded.split()), validate=True))
        expected = hmac.digest(client_id.encode(), (envelope.version + envelope.payload).encode(), hashlib.sha256)
        if not hmac.compare_digest(base64.b64encode(expected), envelope.signature.encode()):
            return None
        payload = _payload(envelope.payload.encode())
    except (binascii.Error, ValueError, RecursionError, msgspec.MsgspecError):
        return None
    return payload.context if payload.pool_id in ("", pool_id) else None


def _kind(user_agent: str) -> str:
    """`Chrome, Windows`: as AWS shows a device without a name, but for the versions, which change by themselves."""
    if not user_agent:
        return ""
    agent = user_agent[:1024]
    program = next((shown for sign, shown in _PROGRAMS if sign in agent), "") or _shown(re.split(r"[/ (]", agent, maxsplit=1)[0])[:40]
    system = next((shown for sign, shown in _SYSTEMS if sign in agent), "Other")
    return f"{program or 'Unknown'}, {system}"


def _shown(text: str) -> str:
    """Without control characters and those that turn the line around, and short."""
    return _UNSEEN.sub("", text[: 4 * _SHOWN]).strip()[:_SHOWN]
