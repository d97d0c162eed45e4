"""User import against real processes: by boto3, by the command, over a kill, and in bounded time and memory."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.clients.test_cli import refused, run
from tests.kit.live import Live

ROLE = "arn:aws:iam::123456789012:role/CognitoCloudWatchLogsRole"
UNFINISHED = ("Pending", "InProgress", "Stopping")


def make_pool(client: Any) -> str:
    return str(client.create_user_pool(PoolName="people", AutoVerifiedAttributes=["email"], AliasAttributes=["email"])["UserPool"]["Id"])


def write(client: Any, pool: str, file: Path, count: int) -> Path:
    header = client.get_csv_header(UserPoolId=pool)["CSVHeader"]
    with file.open("w") as out:
        out.write(",".join(header) + "\n")
        for n in range(count):
            cells = {"cognito:username": f"user{n}", "email": f"user{n}@example.com", "email_verified": "true", "name": f"Name {n}"}
            out.write(",".join(cells.get(name, "") for name in header) + "\n")
    return file


def start(client: Any, pool: str, file: Path) -> str:
    job = client.create_user_import_job(JobName="people", UserPoolId=pool, CloudWatchLogsRoleArn=ROLE)["UserImportJob"]
    with file.open("rb") as body:
        reply = httpx.put(job["PreSignedUrl"], content=body, headers={"x-amz-server-side-encryption": "aws:kms"})
    assert reply.status_code == 200
    client.start_user_import_job(UserPoolId=pool, JobId=job["JobId"])
    return str(job["JobId"])


def described(client: Any, pool: str, job: str) -> Any:
    return client.describe_user_import_job(UserPoolId=pool, JobId=job)["UserImportJob"]


def ended(client: Any, pool: str, job: str, within: float = 120) -> Any:
    until = time.monotonic() + within
    while (found := described(client, pool, job))["Status"] in UNFINISHED:
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def listed(client: Any, pool: str) -> int:
    return sum(len(page["Users"]) for page in client.get_paginator("list_users").paginate(UserPoolId=pool))


def test_survives_a_kill(tmp_path: Path) -> None:
    """Killed in the middle, the next server goes on: every user once, none lost."""
    with Live(tmp_path / "data") as live:
        client = live.boto()
        pool = make_pool(client)
        job = start(client, pool, write(client, pool, tmp_path / "users.csv", 6000))
        while described(client, pool, job)["ImportedUsers"] < 1000:
            time.sleep(0.01)
        live.kill()
        live.start()
        client = live.boto()
        found = ended(client, pool, job)
        assert (found["Status"], found["ImportedUsers"], found["SkippedUsers"], found["FailedUsers"]) == ("Succeeded", 6000, 0, 0)
        assert listed(client, pool) == 6000


def measured(tmp_path: Path, count: int) -> tuple[float, float]:
    """Rows a second, and MB of memory above idle."""
    with Live(tmp_path / "data") as live:
        client = live.boto()
        pool = make_pool(client)
        file = write(client, pool, tmp_path / "users.csv", count)
        process = psutil.Process(live.pid)
        idle = most = process.memory_info().rss
        job = start(client, pool, file)
        began = time.monotonic()
        while (found := described(client, pool, job))["Status"] in UNFINISHED:
            most = max(most, process.memory_info().rss)
            time.sleep(0.02)
        took = time.monotonic() - began
        assert (found["Status"], found["ImportedUsers"]) == ("Succeeded", count)
        return count / took, (most - idle) / (1 << 20)


def test_is_quick_and_small(tmp_path: Path) -> None:
    """Loosely, since other tests run beside it; `make test-long` holds the promised numbers."""
    rows_a_second, megabytes = measured(tmp_path, 10_000)
    assert rows_a_second > 1000
    assert megabytes < 50


@pytest.mark.long
@pytest.mark.timeout(600)
def test_holds_its_numbers(tmp_path: Path) -> None:
    """5,000 rows a second on SQLite, under 50 MB above idle however long the file is."""
    rows_a_second, megabytes = measured(tmp_path, 300_000)
    assert rows_a_second >= 5000
    assert megabytes < 50


class TestCommand:
    def test_imports_beside_a_running_server(self, tmp_path: Path) -> None:
        """Its users are there at once; a second time they are skipped, which is too many; the log names the lines."""
        with Live(tmp_path / "data") as live:
            client = live.boto()
            pool = make_pool(client)
            file = write(client, pool, tmp_path / "users.csv", 450)
            command = ("import", "users", str(file), "--user-pool-id", pool, "--data", str(live.data), "--json")
            done = json.loads(run(tmp_path, *command).stdout)
            job = done.pop("JobId")
            assert done == {
                "Status": "Succeeded",
                "ImportedUsers": 450,
                "SkippedUsers": 0,
                "FailedUsers": 0,
                "CompletionMessage": "Import Job Completed Successfully.",
            }
            assert listed(client, pool) == 450
            assert described(client, pool, job)["Status"] == "Succeeded"
            again = run(tmp_path, *command[:-1])
            assert again.returncode == 1
            assert again.stdout.splitlines()[0] == (
                "Too many users have failed or been skipped during the import. 0 imported, 450 skipped, 0 failed."
            )
            named = again.stdout.split("log ")[1].split("`")[0]
            log = run(tmp_path, "import", "log", named, "--data", str(live.data))
            assert log.stdout.splitlines()[::449] == [f"[SKIPPED] Line Number {n} - The user already exists." for n in (2, 451)]

    def test_refuses_in_one_sentence(self, tmp_path: Path) -> None:
        with Live(tmp_path / "data") as live:
            pool = make_pool(live.boto())
            there = ("--data", str(live.data))
            missing = run(tmp_path, "import", "users", "none.csv", "--user-pool-id", pool, *there)
            assert refused(missing) == "cannot read none.csv: No such file or directory"
            nowhere = run(tmp_path, "import", "users", "none.csv", "--user-pool-id", "us-east-1_Nowhere00", *there)
            assert refused(nowhere) == "there is no user pool us-east-1_Nowhere00"
            assert refused(run(tmp_path, "import", "log", "import-none", *there)) == "there is no import job import-none"
