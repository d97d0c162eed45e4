"""boto3 as it comes, with nothing changed but its endpoint."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.clients.conftest import App, refused
from tests.kit.live import Live
from tests.kit.server import PASSWORD


def test_the_tour(live: Live) -> None:
    """What a new user does first: pool, client, sign-up, the mailed code, confirmation, sign-in, refresh, sign-out everywhere."""
    app = App(live)
    public = live.anonymous()
    made = public.sign_up(
        ClientId=app.client_id, Username="anna", Password=PASSWORD, UserAttributes=[{"Name": "email", "Value": "anna@example.com"}]
    )
    assert made["UserConfirmed"] is False
    assert made["CodeDeliveryDetails"] == {"Destination": "a***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
    with refused("UserNotConfirmedException"):
        app.sign_in("anna")
    code = live.code("anna@example.com")
    assert len(code) == 6 and code.isdigit()
    public.confirm_sign_up(ClientId=app.client_id, Username="anna", ConfirmationCode=code)
    tokens = app.sign_in("anna@example.com")
    me = public.get_user(AccessToken=tokens["AccessToken"])
    attributes = {item["Name"]: item["Value"] for item in me["UserAttributes"]}
    assert me["Username"] == "anna"
    assert attributes == {"sub": made["UserSub"], "email": "anna@example.com", "email_verified": "true"}
    refreshed = public.initiate_auth(
        ClientId=app.client_id, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]}
    )["AuthenticationResult"]
    assert public.get_user(AccessToken=refreshed["AccessToken"])["Username"] == "anna"
    public.global_sign_out(AccessToken=tokens["AccessToken"])
    for token in (tokens["AccessToken"], refreshed["AccessToken"]):
        with refused("NotAuthorizedException"):
            public.get_user(AccessToken=token)
    with refused("NotAuthorizedException"):
        public.initiate_auth(
            ClientId=app.client_id, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]}
        )


def test_types_of_answers(app: App) -> None:
    """Times are datetimes of about now, numbers are numbers, what is unset is absent."""
    name = app.user()
    user = app.admin.admin_get_user(UserPoolId=app.pool_id, Username=name)
    assert abs(datetime.now(UTC) - user["UserCreateDate"]) < timedelta(minutes=1)
    assert user["Enabled"] is True and user["UserStatus"] == "CONFIRMED"
    assert "UserMFASettingList" not in user and "PreferredMfaSetting" not in user
    pool = app.admin.describe_user_pool(UserPoolId=app.pool_id)["UserPool"]
    assert pool["Arn"] == f"arn:aws:cognito-idp:us-east-1:000000000000:userpool/{app.pool_id}"
    assert pool["EstimatedNumberOfUsers"] >= 1
    assert abs(datetime.now(UTC) - pool["CreationDate"]) < timedelta(minutes=2)


def test_errors_are_of_their_classes(app: App) -> None:
    """Every error is the class that the service model names, with its text, its status and the request's id."""
    admin = app.admin
    with pytest.raises(admin.exceptions.UserNotFoundException) as unknown:
        admin.admin_get_user(UserPoolId=app.pool_id, Username="nobody")
    response = unknown.value.response
    assert response["Error"] == {"Code": "UserNotFoundException", "Message": "User does not exist."}
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert len(response["ResponseMetadata"]["RequestId"]) == 36
    with pytest.raises(admin.exceptions.ResourceNotFoundException):
        admin.describe_user_pool(UserPoolId="us-east-1_NoSuch001")
    name = app.user()
    with pytest.raises(admin.exceptions.UsernameExistsException):
        admin.admin_create_user(UserPoolId=app.pool_id, Username=name)
    with pytest.raises(admin.exceptions.InvalidPasswordException):
        admin.admin_set_user_password(UserPoolId=app.pool_id, Username=name, Password="short")
    with refused("NotAuthorizedException"):
        app.sign_in(name, "Wrong-Horse-9")


def test_validation_lists_every_violation(app: App) -> None:
    """The server's own validation, as AWS words it, reaches boto3 as an error that it knows."""
    with pytest.raises(ClientError) as refused:
        app.admin.list_users(UserPoolId="no pool id!", Limit=60, Filter="x" * 257)
    error = refused.value.response["Error"]
    assert error["Code"] == "InvalidParameterException"
    assert error["Message"].startswith("2 validation errors detected: ")


def test_signed_public_calls_are_taken(live: Live, app: App) -> None:
    """An app whose SDK signs although it need not (boto3 with keys) is answered like one that does not."""
    name = app.user()
    for client in (live.boto(), live.anonymous()):
        answer = client.initiate_auth(
            ClientId=app.client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD}
        )
        assert answer["AuthenticationResult"]["TokenType"] == "Bearer"


def test_a_client_with_a_secret(live: Live) -> None:
    """SECRET_HASH is asked for and checked, over the name that was sent."""
    app = App(live, secret=True)
    name = app.user()
    public = live.anonymous()

    def begin(**more: str) -> Any:
        parameters = {"USERNAME": name, "PASSWORD": PASSWORD, **more}
        return public.initiate_auth(ClientId=app.client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)

    digest = hmac.new(app.secret.encode(), (name + app.client_id).encode(), hashlib.sha256).digest()
    assert "AuthenticationResult" in begin(SECRET_HASH=base64.b64encode(digest).decode())
    for more in ({}, {"SECRET_HASH": base64.b64encode(b"\0" * 32).decode()}):
        with refused("NotAuthorizedException", r"secret hash|SECRET_HASH"):
            begin(**more)


@pytest.fixture(scope="module")
def crowd(live: Live) -> Any:
    """A pool with 25 of everything that is listed."""
    app = App(live)
    names = [f"u{number:02}" for number in range(25)]
    for name in names:
        app.admin.admin_create_user(UserPoolId=app.pool_id, Username=name, MessageAction="SUPPRESS")
        app.admin.create_group(UserPoolId=app.pool_id, GroupName=f"g-{name}")
        app.admin.admin_add_user_to_group(UserPoolId=app.pool_id, GroupName=f"g-{name}", Username="u00")
        app.admin.admin_add_user_to_group(UserPoolId=app.pool_id, GroupName="g-u00", Username=name)
        app.admin.create_user_pool_client(UserPoolId=app.pool_id, ClientName=f"c-{name}")
    return app, names


@pytest.mark.parametrize(
    ("operation", "members", "result", "key", "prefix"),
    [
        ("list_users", {}, "Users", "Username", ""),
        ("list_groups", {}, "Groups", "GroupName", "g-"),
        ("list_users_in_group", {"GroupName": "g-u00"}, "Users", "Username", ""),
        ("admin_list_groups_for_user", {"Username": "u00"}, "Groups", "GroupName", "g-"),
    ],
)
def test_paginators(crowd: Any, operation: str, members: dict[str, str], result: str, key: str, prefix: str) -> None:
    """botocore's own paginators walk every list to its end: complete, without repeats, in pages of the asked size."""
    app, names = crowd
    pages = list(app.admin.get_paginator(operation).paginate(UserPoolId=app.pool_id, PaginationConfig={"PageSize": 7}, **members))
    assert [len(page[result]) for page in pages] == [7, 7, 7, 4]
    assert sorted(item[key] for page in pages for item in page[result]) == [f"{prefix}{name}" for name in names]


def test_paginators_of_pools_and_clients(crowd: Any) -> None:
    """The two lists that are not of users."""
    app, names = crowd
    pages = app.admin.get_paginator("list_user_pool_clients").paginate(UserPoolId=app.pool_id, PaginationConfig={"PageSize": 7})
    assert sorted(item["ClientName"] for page in pages for item in page["UserPoolClients"]) == [*(f"c-{name}" for name in names), "web"]
    made = {app.admin.create_user_pool(PoolName="listed")["UserPool"]["Id"] for _ in range(5)}
    pools = [
        item["Id"]
        for page in app.admin.get_paginator("list_user_pools").paginate(PaginationConfig={"PageSize": 2})
        for item in page["UserPools"]
    ]
    assert made < set(pools) and len(pools) == len(set(pools))


def test_a_new_password_is_asked_for(app: App) -> None:
    """AdminCreateUser's mailed temporary password leads to NEW_PASSWORD_REQUIRED, and the answer to tokens."""
    app.admin.admin_create_user(
        UserPoolId=app.pool_id,
        Username="invited",
        UserAttributes=[{"Name": "email", "Value": "invited@example.com"}, {"Name": "email_verified", "Value": "true"}],
        DesiredDeliveryMediums=["EMAIL"],
    )
    temporary = app.live.messages("invited@example.com")[0]
    assert "invited" in temporary["body"]
    public = app.live.anonymous()
    begun = public.initiate_auth(
        ClientId=app.client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "invited", "PASSWORD": temporary["code"]}
    )
    assert begun["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    answer = public.respond_to_auth_challenge(
        ClientId=app.client_id,
        ChallengeName="NEW_PASSWORD_REQUIRED",
        Session=begun["Session"],
        ChallengeResponses={"USERNAME": "invited", "NEW_PASSWORD": PASSWORD},
    )
    assert public.get_user(AccessToken=answer["AuthenticationResult"]["AccessToken"])["Username"] == "invited"


class TestThreatProtection:
    """boto3 as it comes: every shape of the five operations is read by AWS's own client."""

    def test_from_configuration_to_feedback(self, live: Live) -> None:
        idp = live.boto()
        pool = idp.create_user_pool(PoolName="p", UserPoolTier="PLUS", UserPoolAddOns={"AdvancedSecurityMode": "AUDIT"})["UserPool"]["Id"]
        flows = ["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
        client = idp.create_user_pool_client(UserPoolId=pool, ClientName="c", ExplicitAuthFlows=flows)["UserPoolClient"]["ClientId"]
        idp.admin_create_user(UserPoolId=pool, Username="anna", MessageAction="SUPPRESS")
        idp.admin_set_user_password(UserPoolId=pool, Username="anna", Password=PASSWORD, Permanent=True)
        action = {"EventAction": "NO_ACTION", "Notify": False}
        actions = {"LowAction": action, "MediumAction": action, "HighAction": action}
        given = idp.set_risk_configuration(UserPoolId=pool, AccountTakeoverRiskConfiguration={"Actions": actions})["RiskConfiguration"]
        assert idp.describe_risk_configuration(UserPoolId=pool)["RiskConfiguration"] == given
        for address in ("198.51.100.7", "203.0.113.9"):
            idp.admin_initiate_auth(
                UserPoolId=pool,
                ClientId=client,
                AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": "anna", "PASSWORD": PASSWORD},
                ContextData={"IpAddress": address, "ServerName": "s", "ServerPath": "/", "HttpHeaders": []},
            )
        pages = idp.get_paginator("admin_list_user_auth_events").paginate(
            UserPoolId=pool, Username="anna", PaginationConfig={"PageSize": 1}
        )
        events = [event for page in pages for event in page["AuthEvents"]]
        assert [(each["EventContextData"]["IpAddress"], each["EventRisk"].get("RiskLevel")) for each in events] == [
            ("203.0.113.9", "Medium"),
            ("198.51.100.7", None),
        ]
        idp.admin_update_auth_event_feedback(UserPoolId=pool, Username="anna", EventId=events[0]["EventId"], FeedbackValue="Invalid")
        told = idp.admin_list_user_auth_events(UserPoolId=pool, Username="anna", MaxResults=1)["AuthEvents"][0]["EventFeedback"]
        assert (told["FeedbackValue"], told["Provider"], told["FeedbackDate"] > events[0]["CreationDate"]) == ("Invalid", "Admin", True)
