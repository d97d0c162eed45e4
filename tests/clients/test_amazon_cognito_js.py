"""amazon-cognito-js as it comes, in Node: what two devices and a merge showed is printed by js/sync.mjs and judged here."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.clients.conftest import App
from tests.clients.node import JS
from tests.clients.test_identity_pools import Setting


@pytest.fixture(scope="module")
def seen(node: str, app: App) -> dict[str, Any]:
    """The tour, run once."""
    setting = Setting(app)
    iam = app.live.boto(service="iam")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "cognito-sync:*", "Resource": "*"}]}
    for kind in ("authenticated", "unauthenticated"):
        iam.put_role_policy(RoleName=kind, PolicyName="sync", PolicyDocument=json.dumps(policy))
    command = [node, "sync.mjs", app.live.url, setting.pool_id, setting.name, setting.logins()[setting.name]]
    done = subprocess.run(command, cwd=JS, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def test_two_devices(seen: dict[str, Any]) -> None:
    """What one pushes the other pulls; a removed key goes everywhere (the library's own Record reads "no value" as an empty one)."""
    assert "error" not in seen["pushed"]
    assert "error" not in seen["pulled"]
    assert seen["onTwo"] == {"color": "blue", "size": "12"}
    assert seen["removed"] == {"color": "red", "size": ""}


def test_a_conflict(seen: dict[str, Any]) -> None:
    """Both versions are shown; the one that is kept is everybody's."""
    assert seen["versions"] == [["color", "red", "green"]]
    assert seen["afterConflict"] == [{"color": "red", "size": "12"}] * 2


def test_a_merge(seen: dict[str, Any]) -> None:
    """The guest's dataset comes under the documented name, with its records; once it is deleted, all goes on."""
    assert (seen["sameUser"], seen["names"]) == (True, [True])
    assert seen["carried"] == [["color", "red"]]
    assert "error" not in seen["afterMerge"]


def test_a_deleted_dataset(seen: dict[str, Any]) -> None:
    """The next session learns of it."""
    assert seen["deletedName"] == "settings"
