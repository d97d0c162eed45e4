"""The AWS CLI as it comes, told only where the endpoint is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kit.live import REGION, Live
from tests.kit.server import PASSWORD

AWS = Path(sys.executable).parent / "aws"


class Cli:
    def __init__(self, live: Live, home: Path) -> None:
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER": live.url,
            "AWS_ACCESS_KEY_ID": "AKIDANYTHING",
            "AWS_SECRET_ACCESS_KEY": "anything",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_PAGER": "",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }

    def run(self, operation: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(AWS), "cognito-idp", operation, *arguments]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=60, check=False)

    def __call__(self, operation: str, *arguments: str) -> Any:
        """The command's JSON, or None where AWS answers nothing."""
        done = self.run(operation, *arguments)
        assert done.returncode == 0, f"{operation}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, operation: str, *arguments: str) -> str:
        """The error that the command prints; when the service refuses, version 1 exits with 255 and version 2 with 254."""
        done = self.run(operation, *arguments)
        assert done.returncode in (254, 255), done.stdout
        return done.stderr.strip()


@pytest.fixture(scope="module")
def aws(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    return Cli(live, tmp_path_factory.mktemp("home"))


def test_the_tour(live: Live, aws: Cli) -> None:
    """From nothing to a signed-in user, then what an administrator does; each answer as AWS's own reference shows it."""
    pool = aws("create-user-pool", "--pool-name", "tour", "--auto-verified-attributes", "email")["UserPool"]["Id"]
    client = _client(aws, pool)
    _signs_up(live, aws, client)
    _signs_in(aws, client)
    _is_administered(aws, pool, client)
    assert aws("delete-user-pool", "--user-pool-id", pool) is None
    assert "ResourceNotFoundException" in aws.refused("describe-user-pool", "--user-pool-id", pool)


def _client(aws: Cli, pool: str) -> str:
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    made = aws("create-user-pool-client", "--user-pool-id", pool, "--client-name", "web", "--explicit-auth-flows", *flows)
    assert made["UserPoolClient"]["ClientName"] == "web" and "ClientSecret" not in made["UserPoolClient"]
    return str(made["UserPoolClient"]["ClientId"])


def _signs_up(live: Live, aws: Cli, client: str) -> None:
    user = ("--client-id", client, "--username", "anna")
    signed_up = aws("sign-up", *user, "--password", PASSWORD, "--user-attributes", "Name=email,Value=anna@example.com")
    assert signed_up["UserConfirmed"] is False
    wrong = aws.refused(
        "confirm-sign-up", *user, "--confirmation-code", "000000" if live.code("anna@example.com") != "000000" else "000001"
    )
    assert wrong.endswith(
        "(CodeMismatchException) when calling the ConfirmSignUp operation: Invalid verification code provided, please try again."
    )
    aws("confirm-sign-up", *user, "--confirmation-code", live.code("anna@example.com"))


def _signs_in(aws: Cli, client: str) -> None:
    begin = ("initiate-auth", "--client-id", client, "--auth-flow", "USER_PASSWORD_AUTH", "--auth-parameters")
    tokens = aws(*begin, f"USERNAME=anna,PASSWORD={PASSWORD}")["AuthenticationResult"]
    assert (tokens["ExpiresIn"], tokens["TokenType"]) == (3600, "Bearer")
    assert aws("get-user", "--access-token", tokens["AccessToken"])["Username"] == "anna"
    wrong = aws.refused(*begin, "USERNAME=anna,PASSWORD=Wrong-Horse-9")
    assert wrong.endswith("(NotAuthorizedException) when calling the InitiateAuth operation: Incorrect username or password.")


def _is_administered(aws: Cli, pool: str, client: str) -> None:
    of_pool = ("--user-pool-id", pool)
    bea = (*of_pool, "--username", "bea")
    aws("admin-create-user", *bea, "--message-action", "SUPPRESS", "--user-attributes", "Name=email,Value=bea@example.com")
    found = aws("list-users", *of_pool, "--filter", 'email ^= "bea@"')["Users"]
    assert [user["Username"] for user in found] == ["bea"]
    assert {user["Username"] for user in aws("list-users", *of_pool, "--page-size", "1")["Users"]} == {"anna", "bea"}
    aws("admin-set-user-password", *bea, "--password", PASSWORD, "--permanent")
    begin = ("admin-initiate-auth", *of_pool, "--client-id", client, "--auth-flow", "ADMIN_USER_PASSWORD_AUTH", "--auth-parameters")
    assert "AuthenticationResult" in aws(*begin, f"USERNAME=bea,PASSWORD={PASSWORD}")
    aws("create-group", *of_pool, "--group-name", "staff", "--precedence", "1")
    aws("admin-add-user-to-group", *bea, "--group-name", "staff")
    assert [group["GroupName"] for group in aws("admin-list-groups-for-user", *bea)["Groups"]] == ["staff"]
    aws("admin-update-user-attributes", *bea, "--user-attributes", "Name=name,Value=Bea Ä")
    aws("admin-disable-user", *bea)
    user = aws("admin-get-user", *bea)
    assert (user["Enabled"], {item["Name"]: item["Value"] for item in user["UserAttributes"]}["name"]) == (False, "Bea Ä")
    assert "User is disabled." in aws.refused(*begin, f"USERNAME=bea,PASSWORD={PASSWORD}")
    aws("admin-delete-user", *bea)
    assert "UserNotFoundException" in aws.refused("admin-get-user", *bea)
