"""amazon-cognito-identity-js as it comes, in Node: what its callbacks got is printed by js/tour.mjs and judged here."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.clients.conftest import App
from tests.clients.node import JS
from tests.kit.server import PASSWORD


@pytest.fixture(scope="module")
def seen(node: str, app: App) -> dict[str, Any]:
    """The tour, run once."""
    app.admin.admin_create_user(UserPoolId=app.pool_id, Username="invited", TemporaryPassword=PASSWORD, MessageAction="SUPPRESS")
    command = [node, "tour.mjs", app.live.url, app.pool_id, app.client_id, PASSWORD]
    done = subprocess.run(command, cwd=JS, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def test_sign_up(seen: dict[str, Any]) -> None:
    """Sign-up tells where the code went; before confirmation there is no sign-in; the mailed code confirms."""
    assert seen["signUp"]["confirmed"] is False and len(seen["signUp"]["sub"]) == 36
    assert seen["signUp"]["delivery"] == {"AttributeName": "email", "DeliveryMedium": "EMAIL", "Destination": "j***@e***"}
    assert seen["unconfirmed"]["code"] == "UserNotConfirmedException"
    assert seen["confirmed"] == "SUCCESS"


def test_sign_in_by_srp(seen: dict[str, Any]) -> None:
    """The right password gives a session that the library holds for valid; a wrong one, AWS's error."""
    assert seen["session"] == {"valid": True, "username": "js", "email": "js@example.com", "use": ["id", "access"]}
    assert seen["wrongPassword"] == {
        "name": "NotAuthorizedException",
        "code": "NotAuthorizedException",
        "message": "Incorrect username or password.",
    }


def test_own_attributes(seen: dict[str, Any]) -> None:
    """Written, read and removed by the user."""
    assert seen["attributes"] == {
        "sub": seen["signUp"]["sub"],
        "email": "js@example.com",
        "email_verified": "true",
        "nickname": "Jäsper \U0001f600",
    }
    assert seen["left"] == ["email", "email_verified", "sub"]


def test_passwords(seen: dict[str, Any]) -> None:
    """Changed, forgotten and recovered; the old one is worth nothing."""
    assert seen["changed"] == "SUCCESS"
    assert seen["oldPassword"]["code"] == "NotAuthorizedException"
    assert seen["recovered"] is True


def test_sessions(seen: dict[str, Any]) -> None:
    """Refreshed; after signing out everywhere neither the access nor the refresh token is worth anything."""
    assert seen["refreshed"] == {"valid": True, "another": True}
    assert seen["signedOut"] == "SUCCESS"
    assert seen["afterSignOut"]["code"] == seen["refreshAfterSignOut"]["code"] == "NotAuthorizedException"


def test_a_new_password_is_required(seen: dict[str, Any]) -> None:
    """The library's handler is called with parsed attributes; the answer gives a session; a deleted user is gone."""
    assert seen["newPasswordRequired"] == {"attributes": {}, "required": []}
    assert seen["completed"] is True
    assert seen["deleted"] == "SUCCESS"
    assert seen["afterDeletion"]["code"] in ("UserNotFoundException", "NotAuthorizedException")
