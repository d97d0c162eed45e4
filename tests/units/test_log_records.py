"""Log records: AWS's JSON, member by member, and nothing for what AWS does not export."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cognomen.delivery.logs import records
from cognomen.kernel.events import (
    Event,
    MessageFailed,
    MessageSent,
    PasswordChanged,
    SignedIn,
    SignedUp,
    SignInFailed,
    SignUpConfirmed,
    TokenRefreshed,
)

WHEN: dict[str, Any] = {
    "at": 1721237155.5,
    "pool_id": "us-west-2_EXAMPLE",
    "request_id": "r-1",
    "source_ip": "192.0.2.1",
    "user_agent": "x",
}
WHO: dict[str, Any] = {**WHEN, "sub": "s-1", "username": "test-user", "client_id": "1example23456789"}


def record(event: Event) -> Any:
    found = records.of(event)
    assert found is not None
    return json.loads(found.text)


def test_a_user_activity_record() -> None:
    """The example of AWS's page "Exporting logs from Amazon Cognito user pools", of what this server knows."""
    found = records.of(SignedUp(**WHO))
    assert found is not None
    whole = json.loads(found.text)
    event_id = whole["message"].pop("eventId")
    assert (found.source, len(event_id), "\n" in found.text) == ("userAuthEvents", 36, False)
    assert whole == {
        "eventTimestamp": "1721237155500",
        "eventSource": "USER_ACTIVITY",
        "logLevel": "INFO",
        "message": {
            "version": "1",
            "eventType": "SignUp",
            "userSub": "s-1",
            "userName": "test-user",
            "userPoolId": "us-west-2_EXAMPLE",
            "clientId": "1example23456789",
            "creationDate": "Wed Jul 17 17:25:55 UTC 2024",
            "eventResponse": "InProgress",
            "riskLevel": "",
            "riskDecision": "PASS",
            "challenges": [],
            "deviceName": None,
            "ipAddress": "192.0.2.1",
            "requestId": "r-1",
            "idpName": "",
            "compromisedCredentialDetected": "false",
            "city": None,
            "country": None,
            "eventFeedbackValue": "",
            "eventFeedbackDate": "",
            "eventFeedbackProvider": "",
            "hasContextData": "false",
        },
        "logSourceId": {"userPoolId": "us-west-2_EXAMPLE"},
    }


def test_a_notification_record() -> None:
    found = records.of(MessageFailed(**WHEN, username="ada", channel="sms", reason="no sms delivery is configured"))
    assert found is not None
    assert found.source == "userNotification"
    assert json.loads(found.text) == {
        "eventTimestamp": "1721237155500",
        "eventSource": "USER_NOTIFICATION",
        "logLevel": "ERROR",
        "message": {"details": "SMS message for user ada could not be delivered: no sms delivery is configured"},
        "logSourceId": {"userPoolId": "us-west-2_EXAMPLE"},
    }


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (SignUpConfirmed(**WHO), ("SignUp", "Pass", [])),
        (SignedIn(**WHO, flow="USER_SRP_AUTH", factors=("PASSWORD_SRP",)), ("SignIn", "Pass", ["Password:Success"])),
        (SignedIn(**WHO, flow="USER_AUTH", factors=("PASSWORD", "EMAIL_MFA")), ("SignIn", "Pass", ["Password:Success", "Mfa:Success"])),
        (SignedIn(**WHO, flow="USER_AUTH", factors=("EMAIL_OTP",)), ("SignIn", "Pass", [])),
        (SignInFailed(**WHO, reason="NotAuthorizedException"), ("SignIn", "Fail", ["Password:Failure"])),
        (SignInFailed(**WHO, reason="CodeMismatchException"), ("SignIn", "Fail", ["Mfa:Failure"])),
        (PasswordChanged(**WHO, how="change"), ("PasswordChange", "Pass", [])),
        (PasswordChanged(**WHO, how="challenge"), ("PasswordChange", "Pass", [])),
        (PasswordChanged(**WHO, how="reset"), ("ForgotPassword", "Pass", [])),
        (MessageSent(**WHO, channel="email", purpose="ForgotPassword"), ("ForgotPassword", "InProgress", [])),
        (MessageSent(**WHO, channel="sms", purpose="ResendCode"), ("ResendCode", "Pass", [])),
    ],
)
def test_what_is_exported(event: Event, expected: tuple[str, str, list[str]]) -> None:
    """Types and answers are those of AdminListUserAuthEvents."""
    message = record(event)["message"]
    assert (message["eventType"], message["eventResponse"], message["challenges"]) == expected


@pytest.mark.parametrize(
    "event",
    [
        SignedUp(**WHO, by_admin=True),
        PasswordChanged(**WHO, how="admin"),
        MessageSent(**WHO, channel="email", purpose="SignUp"),
        MessageSent(**{**WHO, "client_id": ""}, channel="email", purpose="ForgotPassword"),
        TokenRefreshed(**WHO),
    ],
)
def test_what_is_not(event: Event) -> None:
    """What administrators do, messages that are a part of something else, and refreshes."""
    assert records.of(event) is None
