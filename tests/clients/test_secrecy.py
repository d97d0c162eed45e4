"""A function that runs beside the server, as the same user, looks for the server's secrets."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kit.functions import arn
from tests.kit.live import MASTER_KEY, Live
from tests.kit.server import PASSWORD

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

# `capset` takes away what root may do beyond its own files: then it is a user like any other, and the server's own.
SPY = """
import ctypes, json, os

def read(path, *, at=0, most=1 << 20):
    try:
        with open(path, "rb") as file:
            file.seek(at)
            return file.read(most).decode("latin-1")
    except OSError as error:
        return type(error).__name__

def handler(event, context):
    server = os.getppid()
    found = {"as it is": read(f"/proc/{server}/environ")}
    header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None).capset(header, data) == 0
    found |= {"environ": read(f"/proc/{server}/environ"), "memory": read(f"/proc/{server}/mem", at=1 << 16, most=1)}
    with open(f"{os.path.dirname(__file__)}/found.txt", "w") as file:
        json.dump(found, file)
    return event
"""


@pytest.fixture
def found(tmp_path: Path) -> Any:
    """What the function could read."""
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "spy.py").write_text(SPY)
    secrets = {"COGNOMEN_MASTER_KEY": MASTER_KEY, "COGNOMEN_SMTP_PASSWORD": "a relay's", "AWS_SECRET_ACCESS_KEY": "an account's"}
    with Live(tmp_path / "data", environment=secrets) as live:
        live.stop()
        live.start(20.0, "--functions", str(tmp_path / "functions"))
        admin = live.boto()
        pool = admin.create_user_pool(PoolName="app", LambdaConfig={"PreSignUp": arn("spy")})["UserPool"]["Id"]
        client = admin.create_user_pool_client(UserPoolId=pool, ClientName="web")["UserPoolClient"]["ClientId"]
        public = live.anonymous()
        public.sign_up(ClientId=client, Username="anna", Password=PASSWORD)
        return json.loads((tmp_path / "functions" / "found.txt").read_text())


def test_the_environment_holds_no_secret(found: Any) -> None:
    """Whoever reads it, root too: the names are there, and what they stood for is not."""
    for secret in (MASTER_KEY, "a relay's", "an account's"):
        assert secret not in found["as it is"]
    assert "PermissionError" in found["as it is"] or "COGNOMEN_MASTER_KEY=" in found["as it is"]


def test_the_process_is_closed_to_its_own_user(found: Any) -> None:
    assert (found["environ"], found["memory"]) == ("PermissionError", "PermissionError")
