"""The command `cognomen` as people and scripts run it: real processes, their exit codes, one clear sentence each."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from cognomen.kernel.password_filter import PasswordFilter
from cognomen.storage.migrate import migrations
from tests.kit.live import COGNOMEN, MASTER_KEY, Live, NotReady


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COGNOMEN_", "AWS_"))}
    return subprocess.run(
        [str(COGNOMEN), *arguments], cwd=folder, env=kept | environment, capture_output=True, text=True, timeout=30, check=False
    )


def refused(done: subprocess.CompletedProcess[str], code: int = 1) -> str:
    """The one sentence of a command that failed: nothing on stdout, no trace."""
    assert (done.returncode, done.stdout) == (code, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("cognomen: ")
    return line.removeprefix("cognomen: ")


class TestTyping:
    @pytest.mark.parametrize(
        "command",
        [
            "",
            "dev",
            "serve",
            "migrate",
            "keys",
            "keys create",
            "keys list",
            "keys revoke",
            "keys master",
            "inbox",
            "import",
            "import users",
            "import cognito",
            "import log",
            "passwords",
            "passwords build",
            "doctor",
        ],
    )
    def test_every_command_explains_itself(self, tmp_path: Path, command: str) -> None:
        done = run(tmp_path, *command.split(), "--help")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"Usage: cognomen {command}".rstrip())

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["dev", "--prot", "1"], "No such option"),
            (["dev", "--port", "x"], "Invalid value for '--port'"),
            (["dev", "--port", "65536"], "Invalid value for '--port'"),
            (["nonsense"], "No such command 'nonsense'"),
            (["keys", "create"], "Missing option '--name'"),
            (["keys", "create", "--name", "x", "--policy", "root"], "Invalid value for '--policy'"),
            (["inbox", "--new"], "--new is for --wait"),
        ],
    )
    def test_what_was_typed_wrongly(self, tmp_path: Path, arguments: list[str], sentence: str) -> None:
        assert sentence in refused(run(tmp_path, *arguments), 2)


class TestServersThatCannotStart:
    def test_port_in_use(self, tmp_path: Path) -> None:
        with Live(tmp_path / "one") as live:
            sentence = refused(run(tmp_path, "dev", "--port", str(live.port), "--data", "two"))
        assert sentence == f"cannot listen on 127.0.0.1 port {live.port}: Address already in use"

    def test_an_address_that_is_not_ours(self, tmp_path: Path) -> None:
        assert refused(run(tmp_path, "dev", "--port", "0", "--host", "no.such.host.invalid")).startswith(
            "cannot listen on no.such.host.invalid"
        )

    def test_a_second_server_on_the_same_data_folder(self, tmp_path: Path) -> None:
        with Live(tmp_path / "data") as live:
            sentence = refused(run(tmp_path, "dev", "--port", "0", "--data", "data"))
            assert live.get("/health").json() == {"status": "ok"}
        assert sentence == f"the database data/cognomen.db is in use by another server (process {live.pid})"

    def test_a_data_folder_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        assert refused(run(tmp_path, "dev", "--port", "0", "--data", "file")).startswith("cannot write the data folder file")

    def test_a_data_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        assert refused(run(tmp_path, "dev", "--port", "0", "--data", "/proc/cognomen")).startswith(
            "cannot write the data folder /proc/cognomen"
        )

    def test_a_newer_database(self, tmp_path: Path) -> None:
        with Live(tmp_path / "data"):
            pass
        with sqlite3.connect(tmp_path / "data" / "cognomen.db") as database:
            database.execute("INSERT INTO migrations (number, name) VALUES (9999, 'later')")
        database.close()
        newest = migrations()[-1][0]
        sentence = f"the database has schema 9999, newer than this program's {newest}: use the newer Cognomen"
        assert refused(run(tmp_path, "dev", "--port", "0", "--data", "data")) == sentence
        assert refused(run(tmp_path, "keys", "list", "--data", "data")) == sentence
        assert run(tmp_path, "migrate", "--check", "--data", "data").returncode == 1

    def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "cognomen.db").write_bytes(b"not a database, but long enough to have a header of sorts" * 20)
        assert refused(run(tmp_path, "dev", "--port", "0", "--data", "data")).startswith("cannot open the database file data/cognomen.db")

    def test_another_master_key(self, tmp_path: Path) -> None:
        with Live(tmp_path / "data") as live:
            live.boto().create_user_pool(PoolName="x")
            live.get(f"/{live.boto().list_user_pools(MaxResults=1)['UserPools'][0]['Id']}/.well-known/jwks.json")
        sentence = refused(run(tmp_path, "dev", "--port", "0", "--data", "data", COGNOMEN_MASTER_KEY="cd" * 32))
        assert sentence == "the master key is not the one that sealed this database"
        assert refused(run(tmp_path, "keys", "create", "--name", "x", "--data", "data", COGNOMEN_MASTER_KEY="cd" * 32)) == sentence

    @pytest.mark.parametrize(
        ("toml", "sentence"),
        [
            ("prot = 1", "c.toml has an unknown key: prot"),
            ("port = ", "c.toml is not TOML"),
            ("region = 1", "a setting is not of its kind"),
            ("", "serve needs a master key"),
            ("master_key_file = 'none'", "The master key file none can not be read"),
            ("master_key = 'abc'", "The master key must be 32 bytes"),
        ],
    )
    def test_bad_settings(self, tmp_path: Path, toml: str, sentence: str) -> None:
        (tmp_path / "c.toml").write_text(toml)
        assert sentence in refused(run(tmp_path, "serve", "--port", "0", "--config", "c.toml"))

    def test_no_settings(self, tmp_path: Path) -> None:
        assert refused(run(tmp_path, "serve", "--config", "none.toml")) == "cannot read none.toml: No such file or directory"
        assert refused(run(tmp_path, "dev", COGNOMEN_PROT="1")) == "the variable COGNOMEN_PROT is not a setting"

    def test_a_bad_seed_names_its_line(self, tmp_path: Path) -> None:
        (tmp_path / "seed.yaml").write_text("pools:\n  - Id: us-east-1_A1\n    PolName: x\n")
        sentence = refused(run(tmp_path, "dev", "--port", "0", "--data", "data", "--seed", "seed.yaml"))
        assert sentence == "seed.yaml:3: a pool has no PolName; did you mean PoolName?"

    def test_no_postgresql(self, tmp_path: Path) -> None:
        sentence = refused(run(tmp_path, "dev", "--port", "0", COGNOMEN_DATABASE_URL="postgresql://someone:hidden@127.0.0.1:1/x"))
        assert sentence.startswith("cannot reach the PostgreSQL database")
        assert "hidden" not in sentence


class TestRunning:
    def test_one_line_on_stdout_and_json_on_stderr(self, tmp_path: Path) -> None:
        process = subprocess.Popen(
            [str(COGNOMEN), "dev", "--port", "0", "--data", ":memory:"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        process.terminate()
        rest, errors = process.communicate(timeout=15)
        assert first.startswith("cognomen ready at http://127.0.0.1:")
        assert (rest, process.returncode) == ("", 0)
        assert [json.loads(line)["event"] for line in errors.splitlines()] == ["started", "stopped"]

    def test_sigterm_loses_no_answered_write(self, tmp_path: Path) -> None:
        """Writers are at work when the signal comes: the process ends with 0 and whatever it had answered is there."""
        live = Live(tmp_path / "data").start()
        made: list[str] = []

        def write(writer: int) -> None:
            client = live.boto()
            for number in range(1000):
                try:
                    made.append(client.create_user_pool(PoolName=f"p{writer}-{number}")["UserPool"]["Id"])
                except BotoCoreError:  # the server went away, as it was told to
                    return

        writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
        for writer in writers:
            writer.start()
        deadline = time.monotonic() + 20
        while len(made) < 10 and time.monotonic() < deadline:
            time.sleep(0.01)
        code = live.stop()
        for writer in writers:
            writer.join()
        with live:
            pages = live.boto().get_paginator("list_user_pools").paginate(PaginationConfig={"PageSize": 60})
            there = {pool["Id"] for page in pages for pool in page["UserPools"]}
        assert code == 0
        assert len(made) >= 10
        assert set(made) <= there

    def test_a_seed_is_there_before_the_first_request(self, tmp_path: Path) -> None:
        seed = tmp_path / "seed.yaml"
        seed.write_text("pools:\n  - Id: us-east-1_Seeded001\n    PoolName: x\n    Users: [{Username: anna, Password: Correct-Horse-9}]\n")
        live = Live(tmp_path / "data")
        for _ in range(2):
            live.start(20.0, "--seed", str(seed))
            assert live.boto().admin_get_user(UserPoolId="us-east-1_Seeded001", Username="anna")["UserStatus"] == "CONFIRMED"
            live.stop()


class TestKeys:
    def test_a_key_works_at_once_and_is_refused_at_once(self, tmp_path: Path) -> None:
        """Made and revoked beside the running server, which checks each signature."""
        with Live(tmp_path / "data", "serve") as live:
            assert live.command("keys", "list") == {"AccessKeys": []}
            made = live.command("keys", "create", "--name", "terraform", "--policy", "admin")
            key = (made["AccessKeyId"], made["SecretAccessKey"])
            pool_id = live.boto(key).create_user_pool(PoolName="x")["UserPool"]["Id"]
            reader = live.command("keys", "create", "--name", "dashboard")
            readonly = live.boto((reader["AccessKeyId"], reader["SecretAccessKey"]))
            assert [pool["Id"] for pool in readonly.list_user_pools(MaxResults=5)["UserPools"]] == [pool_id]
            assert _code(lambda: readonly.delete_user_pool(UserPoolId=pool_id)) == "AccessDeniedException"
            assert _code(lambda: live.boto((key[0], "wrong" * 8)).list_user_pools(MaxResults=5)) == "InvalidSignatureException"
            live.command("keys", "revoke", key[0])
            time.sleep(0.05)
            assert _code(lambda: live.boto(key).list_user_pools(MaxResults=5)) == "UnrecognizedClientException"
            listed = live.command("keys", "list")["AccessKeys"]
            assert [(item["Name"], item["Policy"], item["RevokedDate"] is None) for item in listed] == [
                ("terraform", "admin", False),
                ("dashboard", "readonly", True),
            ]
            assert all(made["SecretAccessKey"] not in json.dumps(item) for item in listed)

    def test_a_key_before_the_first_start(self, tmp_path: Path) -> None:
        """An operator makes keys first; the command makes the database ready."""
        done = run(tmp_path, "keys", "create", "--name", "first", "--json", COGNOMEN_MASTER_KEY=MASTER_KEY, COGNOMEN_DATA="data")
        made = json.loads(done.stdout)
        with Live(tmp_path / "data", "serve") as live:
            assert live.boto((made["AccessKeyId"], made["SecretAccessKey"])).list_user_pools(MaxResults=5)["UserPools"] == []

    def test_what_cannot_be_done(self, tmp_path: Path) -> None:
        key = {"COGNOMEN_MASTER_KEY": MASTER_KEY}
        assert refused(run(tmp_path, "keys", "list", **key)).startswith("there is no database at .cognomen/cognomen.db")
        assert refused(run(tmp_path, "keys", "create", "--name", "x")).startswith("there is no master key in ./.cognomen")
        run(tmp_path, "keys", "create", "--name", "x", **key)
        assert refused(run(tmp_path, "keys", "revoke", "AKIANOBODY", **key)) == "there is no access key AKIANOBODY that could be revoked"
        assert "a name has 1 to 128 printable characters" in refused(run(tmp_path, "keys", "create", "--name", "a\nb", **key), 2)

    def test_master_keys(self, tmp_path: Path) -> None:
        printed = run(tmp_path, "keys", "master").stdout.strip()
        assert (len(bytes.fromhex(printed)), run(tmp_path, "keys", "master").stdout.strip() == printed) == (32, False)
        assert run(tmp_path, "keys", "master", "--file", "m.key").returncode == 0
        written = (tmp_path / "m.key").read_text()
        assert ((tmp_path / "m.key").stat().st_mode & 0o777, len(written.strip())) == (0o600, 64)
        assert refused(run(tmp_path, "keys", "master", "--file", "m.key")) == "m.key exists; a master key is never overwritten"
        assert (tmp_path / "m.key").read_text() == written


def _code(call: Any) -> str:
    with pytest.raises(ClientError) as error:
        call()
    return str(error.value.response["Error"]["Code"])


class TestInbox:
    def test_a_script_reads_its_code(self, tmp_path: Path) -> None:
        with Live(tmp_path / "data") as live:
            boto = live.boto()
            pool_id = boto.create_user_pool(PoolName="x", AutoVerifiedAttributes=["email"])["UserPool"]["Id"]
            client = boto.create_user_pool_client(UserPoolId=pool_id, ClientName="x")["UserPoolClient"]["ClientId"]
            assert run(tmp_path, "inbox", "--url", live.url).stdout == "No messages yet.\n"
            late = subprocess.Popen(
                [str(COGNOMEN), "inbox", "--url", live.url, "--wait", "anna@example.com", "--new"], stdout=subprocess.PIPE, text=True
            )
            time.sleep(1)
            for name in ("anna", "bert"):
                attributes = [{"Name": "email", "Value": f"{name}@example.com"}]
                boto.sign_up(ClientId=client, Username=name, Password="Correct-Horse-9", UserAttributes=attributes)
            code = run(tmp_path, "inbox", "--url", live.url, "--wait", "anna@example.com").stdout.strip()
            boto.confirm_sign_up(ClientId=client, Username="anna", ConfirmationCode=code)
            assert late.communicate(timeout=15)[0].strip() == code
            table = run(tmp_path, "inbox", "--url", live.url).stdout
            assert code in table and table.index("bert") < table.index("anna")
            found = json.loads(run(tmp_path, "inbox", "--url", live.url, "--to", "anna@example.com", "--json").stdout)["messages"]
            assert [(message["username"], message["code"]) for message in found] == [("anna", code)]
            nobody = run(tmp_path, "inbox", "--url", live.url, "--wait", "nobody@example.com", "--timeout", "0.3")
            assert refused(nobody) == "no message to nobody@example.com came within 0.3 seconds"

    def test_where_there_is_none(self, tmp_path: Path) -> None:
        assert refused(run(tmp_path, "inbox", "--url", "http://127.0.0.1:1")) == "http://127.0.0.1:1 does not answer: Connection refused"
        assert refused(run(tmp_path, "inbox", "--url", "ftp://x")).startswith("ftp://x/inbox.json is no http or https address")
        with Live(tmp_path / "data", "serve") as live:
            assert refused(run(tmp_path, "inbox", "--url", live.url)) == f"the server at {live.url} has no inbox"


class TestMigrateAndDoctor:
    def test_migrate_makes_and_reports(self, tmp_path: Path) -> None:
        newest = migrations()[-1][0]
        assert refused(run(tmp_path, "migrate", "--check")).startswith("there is no database at")
        first = json.loads(run(tmp_path, "migrate", "--json").stdout)
        assert first == {"schema": newest, "newest": newest, "applied": [f"{number:04}_{name}" for number, name, _ in migrations()]}
        assert run(tmp_path, "migrate").stdout == f"The database is up to date (schema {newest}).\n"
        assert run(tmp_path, "migrate", "--check").returncode == 0

    def test_doctor_beside_a_server(self, tmp_path: Path) -> None:
        with Live(tmp_path / "data") as live:
            live.boto().create_user_pool(PoolName="x")
            done = run(tmp_path, "doctor", "--json", "--data", "data", COGNOMEN_PORT=str(live.port))
        found = json.loads(done.stdout)
        assert (done.returncode, found["ok"]) == (0, True)
        assert {check["check"] for check in found["checks"]} == {
            "python", "libraries", "settings", "data folder", "database", "master key", "port", "public_url", "delivery",
        }  # fmt: skip
        assert next(check for check in found["checks"] if check["check"] == "port")["found"].startswith("a server answers at")

    def test_doctor_finds_what_is_amiss(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        done = run(tmp_path, "doctor", "--json", "--data", "file")
        found = {check["check"]: check for check in json.loads(done.stdout)["checks"]}
        assert done.returncode == 1
        assert (found["data folder"]["result"], found["data folder"]["advice"]) == ("failed", "name a folder")
        production = run(tmp_path, "doctor", "--serve")
        assert production.returncode == 1
        assert "serve needs a master key" in production.stdout

    def test_doctor_tries_the_master_key(self, tmp_path: Path) -> None:
        run(tmp_path, "keys", "create", "--name", "x", COGNOMEN_MASTER_KEY=MASTER_KEY)
        done = run(tmp_path, "doctor", "--serve", COGNOMEN_MASTER_KEY="cd" * 32, COGNOMEN_PORT="0")
        assert (done.returncode, "FAIL  master key: the master key is not the one" in done.stdout) == (1, True)


def test_a_server_that_is_not_ready_says_why(tmp_path: Path) -> None:
    """The tests' own tool: what it raises holds the sentence."""
    with pytest.raises(NotReady, match="cannot read none"):
        Live(tmp_path / "data", "serve").start(20.0, "--config", "none.toml")


class TestPasswordsBuild:
    def test_of_plain_lists_and_of_hashes(self, tmp_path: Path) -> None:
        """Plain words, SHA-1 alone or counted (the form of Pwned Passwords), in any order and letter case; a server then refuses each."""
        known = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8"  # "password"
        rare = "7C4A8D09CA3762AF61E59520943DC26494F8941B"  # "123456"
        (tmp_path / "words.txt").write_bytes("Ünser-Wort-1\r\n\nSecond-Word-2\nSecond-Word-2\n".encode() + b"\xff\xfe\n")
        (tmp_path / "hashes.txt").write_text(f"{rare}:1\r\n{known.lower()}:9545824\r\n")
        done = run(tmp_path, "passwords", "build", "words.txt", "hashes.txt", "--output", "own.filter", "--min-count", "2", "--json")
        assert (done.returncode, done.stderr) == (0, "")
        size = (tmp_path / "own.filter").stat().st_size
        assert json.loads(done.stdout) == {"File": "own.filter", "Passwords": 4, "Bytes": size}
        made = PasswordFilter((tmp_path / "own.filter").read_bytes())
        words = ["Ünser-Wort-1", "Second-Word-2", "password", "123456", "Third-Word-3", ""]
        assert [made.contains(word) for word in words] == [True, True, True, False, False, False]
        assert sorted(file.name for file in tmp_path.iterdir()) == ["hashes.txt", "own.filter", "words.txt"]

    def test_what_cannot_be_used(self, tmp_path: Path) -> None:
        """One sentence, and the filter that was there stays."""
        (tmp_path / "own.filter").write_text("kept")
        (tmp_path / "words.txt").write_text("a\n")
        missing = run(tmp_path, "passwords", "build", "words.txt", "none.txt", "--output", "own.filter")
        assert refused(missing) == "none.txt cannot be used: No such file or directory"
        assert "cannot be used: No such file or directory" in refused(
            run(tmp_path, "passwords", "build", "words.txt", "--output", "no/own.filter")
        )
        assert sorted(file.name for file in tmp_path.iterdir()) == ["own.filter", "words.txt"]
        assert (tmp_path / "own.filter").read_text() == "kept"

    def test_a_server_refuses_a_broken_filter(self, tmp_path: Path) -> None:
        (tmp_path / "own.filter").write_text("kept")
        done = run(tmp_path, "dev", "--port", "0", "--data", ":memory:", COGNOMEN_COMPROMISED_PASSWORDS="own.filter")
        assert refused(done) == "the filter own.filter of compromised passwords cannot be used: it is too short"


class TestTrustedProxies:
    @pytest.mark.parametrize(("trusted", "expected"), [("127.0.0.1", "203.0.113.9"), ("10.0.0.0/8", "127.0.0.1"), ("", "127.0.0.1")])
    def test_whose_word_counts(self, tmp_path: Path, trusted: str, expected: str) -> None:
        """X-Forwarded-For is believed of a proxy that is named, and of nobody else: seen in a user's history."""
        with Live(tmp_path / "data", environment={"COGNOMEN_TRUSTED_PROXIES": trusted}) as live:
            idp = live.boto()
            idp.meta.events.register("before-send", lambda request, **_: request.headers.update({"X-Forwarded-For": "203.0.113.9"}))
            pool = idp.create_user_pool(PoolName="p", UserPoolTier="PLUS", UserPoolAddOns={"AdvancedSecurityMode": "AUDIT"})["UserPool"][
                "Id"
            ]
            client = idp.create_user_pool_client(UserPoolId=pool, ClientName="c")["UserPoolClient"]["ClientId"]
            idp.sign_up(ClientId=client, Username="anna", Password="Correct-Horse-9")
            [event] = idp.admin_list_user_auth_events(UserPoolId=pool, Username="anna")["AuthEvents"]
            assert event["EventContextData"]["IpAddress"] == expected

    @pytest.mark.parametrize("text", ["*", "10.0.0.0/8,x", "10.0.0.1/8"])
    def test_what_is_none(self, tmp_path: Path, text: str) -> None:
        done = run(tmp_path, "dev", "--port", "0", "--data", ":memory:", COGNOMEN_TRUSTED_PROXIES=text)
        assert refused(done) == "trusted_proxies must be addresses or networks in CIDR notation, with commas between them"
