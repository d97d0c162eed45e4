"""One live server a module of tests: what clients do to it, they do to a process with a port."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.clients.node import ready
from tests.kit.live import Live
from tests.kit.server import PASSWORD


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("live") / "data") as running:
        yield running


OF_SIGNATURES = ("UnrecognizedClientException", "InvalidSignatureException")  # of every AWS service, in no service's model


@contextmanager
def refused(code: str, text: str | None = None) -> Iterator[None]:
    """boto3 raises the error of this name: of a class of this name where the model has one (each client has its own, so names are compared)."""
    with pytest.raises(ClientError, match=text) as error:
        yield
    assert error.value.response["Error"]["Code"] == code
    assert type(error.value).__name__ == ("ClientError" if code in OF_SIGNATURES else code)


class App:
    """A pool with one app client, as a developer makes them at first: email verified, user names chosen."""

    def __init__(self, live: Live, *, secret: bool = False) -> None:
        self.live = live
        self.admin = live.boto()
        self.pool_id = str(
            self.admin.create_user_pool(PoolName="app", AutoVerifiedAttributes=["email"], AliasAttributes=["email"])["UserPool"]["Id"]
        )
        flows = ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH"]
        client = self.admin.create_user_pool_client(
            UserPoolId=self.pool_id, ClientName="web", GenerateSecret=secret, ExplicitAuthFlows=flows
        )
        self.client_id = str(client["UserPoolClient"]["ClientId"])
        self.secret = client["UserPoolClient"].get("ClientSecret")

    def user(self, password: str = PASSWORD, **attributes: str) -> str:
        """A confirmed user's name."""
        name = f"user-{uuid.uuid4().hex[:10]}"
        given: Any = {"email": f"{name}@example.com", "email_verified": "true", **attributes}
        pairs = [{"Name": key, "Value": value} for key, value in given.items()]
        self.admin.admin_create_user(UserPoolId=self.pool_id, Username=name, UserAttributes=pairs, MessageAction="SUPPRESS")
        self.admin.admin_set_user_password(UserPoolId=self.pool_id, Username=name, Password=password, Permanent=True)
        return name

    def sign_in(self, username: str, password: str = PASSWORD) -> dict[str, Any]:
        answer = self.live.anonymous().initiate_auth(
            ClientId=self.client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": username, "PASSWORD": password}
        )
        result: dict[str, Any] = answer["AuthenticationResult"]
        return result


@pytest.fixture(scope="module")
def app(live: Live) -> App:
    return App(live)


@pytest.fixture(scope="session")
def node() -> str:
    """Node, with the locked libraries installed."""
    return ready()
