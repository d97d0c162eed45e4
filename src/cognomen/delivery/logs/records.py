"""What happened, as the JSON that Amazon Cognito exports. Pure. Members of which this server knows nothing are empty or null, as AWS allows.

https://docs.aws.amazon.com/cognito/latest/developerguide/exporting-quotas-and-usage.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from cognomen.kernel import ids
from cognomen.kernel.events import (
    AuthEventStored,
    Event,
    MessageFailed,
    MessageSent,
    PasswordChanged,
    SignedIn,
    SignedUp,
    SignInFailed,
    SignUpConfirmed,
)

NOTIFICATION = "userNotification"
AUTH_EVENTS = "userAuthEvents"
KINDS: tuple[type[Event], ...] = (
    AuthEventStored,
    MessageFailed,
    MessageSent,
    PasswordChanged,
    SignedIn,
    SignedUp,
    SignInFailed,
    SignUpConfirmed,
)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Factors as a SignedIn names them.
_MFA = frozenset({"SMS_MFA", "SOFTWARE_TOKEN_MFA", "EMAIL_MFA", "MFA_SETUP"})
_PASSWORD = frozenset({"PASSWORD", "PASSWORD_SRP", "NEW_PASSWORD_REQUIRED"})

# RiskDecisionType -> as the export spells it; what was let through after a second factor was demanded is a takeover to AWS.
_DECISIONS = {"NoRisk": "PASS", "AccountTakeover": "ACCOUNT_TAKEOVER", "Block": "BLOCK"}

_encode = msgspec.json.Encoder().encode


class Record(NamedTuple):
    """`source` is the EventSource of a pool's log configuration to which the record belongs, `text` its JSON in one line."""

    source: str
    text: str


def of(event: Event, *, protected: bool = False) -> Record | None:
    """None for what AWS does not export: what administrators do, and messages that are part of something else.

    Of a pool with threat protection (`protected`) its own history is exported, which knows the risk, and not the same things over again.
    """
    if isinstance(event, MessageFailed):
        details = f"{event.channel.upper()} message for user {event.username} could not be delivered: {event.reason}"
        return _record(event, NOTIFICATION, "USER_NOTIFICATION", "ERROR", {"details": details})
    if isinstance(event, AuthEventStored):
        return _record(event, AUTH_EVENTS, "USER_ACTIVITY", "INFO", _assessed(event))
    activity = None if protected else _activity(event)
    if activity is None:
        return None
    return _record(event, AUTH_EVENTS, "USER_ACTIVITY", "INFO", _message(event, *activity))


def _record(event: Event, source: str, event_source: str, level: str, message: dict[str, Any]) -> Record:
    record = {
        "eventTimestamp": str(int(event.at * 1000)),
        "eventSource": event_source,
        "logLevel": level,
        "message": message,
        "logSourceId": {"userPoolId": event.pool_id},
    }
    return Record(source, _encode(record).decode())


def _activity(event: Event) -> tuple[str, str] | None:
    """AWS's EventType and EventResponse."""
    match event:
        case SignedUp(by_admin=False):
            return "SignUp", "InProgress"
        case SignUpConfirmed():
            return "SignUp", "Pass"
        case SignedIn():
            return "SignIn", "Pass"
        case SignInFailed():
            return "SignIn", "Fail"
        case PasswordChanged(how="change" | "challenge"):
            return "PasswordChange", "Pass"
        case PasswordChanged(how="reset"):
            return "ForgotPassword", "Pass"
        case MessageSent(purpose="ForgotPassword", client_id=client) if client:
            return "ForgotPassword", "InProgress"
        case MessageSent(purpose="ResendCode"):
            return "ResendCode", "Pass"
    return None


def _message(event: Any, kind: str, response: str) -> dict[str, Any]:
    """`event` is one of those that `_activity` knows: all have a user."""
    return {
        "version": "1",
        "eventId": ids.uuid(),
        "eventType": kind,
        "userSub": event.sub,
        "userName": event.username,
        "userPoolId": event.pool_id,
        "clientId": event.client_id,
        "creationDate": _date(event.at),
        "eventResponse": response,
        "riskLevel": "",
        "riskDecision": "PASS",
        "challenges": _challenges(event),
        "deviceName": None,
        "ipAddress": event.source_ip,
        "requestId": event.request_id,
        "idpName": getattr(event, "provider", ""),
        "compromisedCredentialDetected": "false",
        "city": None,
        "country": None,
        "eventFeedbackValue": "",
        "eventFeedbackDate": "",
        "eventFeedbackProvider": "",
        "hasContextData": "false",
    }


def _assessed(event: AuthEventStored) -> dict[str, Any]:
    """An event of a user's history, with what threat protection found."""
    return {
        **_message(event, event.event_type, event.response),
        "eventId": event.event_id,
        "riskLevel": event.level.upper(),
        "riskDecision": _DECISIONS[event.decision],
        "challenges": list(event.challenges),
        "deviceName": event.device_name or None,
        "ipAddress": event.address or event.source_ip,
        "city": event.city or None,
        "country": event.country or None,
        "compromisedCredentialDetected": "true" if event.compromised else "false",
        "hasContextData": "true" if event.device_name else "false",
    }


def _challenges(event: Event) -> list[str]:
    """Challenges that were passed or failed, as AdminListUserAuthEvents names them: Password and Mfa."""
    if isinstance(event, SignInFailed):
        return ["Password:Failure"] if event.reason == "NotAuthorizedException" else ["Mfa:Failure"]
    if not isinstance(event, SignedIn):
        return []
    names = ["Password"] if _PASSWORD & set(event.factors) else []
    names += ["Mfa"] if names and _MFA & set(event.factors) else []
    return [f"{name}:Success" for name in names]


def _date(at: float) -> str:
    """`Wed Jul 17 17:25:55 UTC 2024`, in English wherever the server runs."""
    then = datetime.fromtimestamp(at, UTC)
    return f"{_DAYS[then.weekday()]} {_MONTHS[then.month - 1]} {then:%d %H:%M:%S} UTC {then.year}"
