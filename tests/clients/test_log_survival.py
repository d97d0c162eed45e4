"""Log records and a real server process: they leave by themselves, beside the requests, and outlive the process."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.clients.conftest import App
from tests.kit.live import Live
from tests.kit.receiver import Receiver
from tests.kit.server import PASSWORD

SECRET = "a secret of the webhook"


def wait_for(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return False


def written(data: Path) -> int:
    """Records that wait in the server's database."""
    [database] = data.glob("*.db")
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM log_entries").fetchone()[0])


def test_they_leave_by_themselves(tmp_path: Path) -> None:
    """Nobody asks for it: a moment after the sign-in its record stands in the file."""
    file = tmp_path / "logs.ndjson"
    with Live(tmp_path / "data", environment={"COGNOMEN_LOG_DELIVERY_FILE": str(file)}) as live:
        app = App(live)
        name = app.user()
        app.sign_in(name)
        assert wait_for(lambda: file.read_text().count("\n") == 1)
    [line] = file.read_text().splitlines()
    assert (json.loads(line)["message"]["eventType"], json.loads(line)["message"]["userName"]) == ("SignIn", name)


def test_kill_9_while_the_destination_is_away(tmp_path: Path) -> None:
    """What was written before the kill arrives after the next start, when the webhook is back."""
    with Receiver() as away:
        url, port = away.url, int(away.url.rpartition(":")[2])
    settings = {"COGNOMEN_LOG_DELIVERY_WEBHOOK": url, "COGNOMEN_LOG_DELIVERY_WEBHOOK_SECRET": SECRET}
    with Live(tmp_path / "data", environment=settings) as live:
        app = App(live)
        for name in ("ada", "bob"):
            live.anonymous().sign_up(ClientId=app.client_id, Username=name, Password=PASSWORD)
        # What was heard stands in memory for a moment: only what is written must outlive the process.
        assert wait_for(lambda: "cannot be delivered now" in live.stderr and written(tmp_path / "data") == 2)
        live.kill()
        with Receiver(port=port) as back:
            live.restart()
            assert wait_for(lambda: sum(len(json.loads(received.body)["records"]) for received in back.received) == 2)
            records = [record for received in back.received for record in json.loads(received.body)["records"]]
            assert [record["message"]["userName"] for record in records] == ["ada", "bob"]
        assert SECRET not in live.stderr


def test_a_destination_that_never_answers(tmp_path: Path) -> None:
    """Requests do not wait for it, and neither does SIGTERM for long."""
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        settings = {
            "COGNOMEN_LOG_DELIVERY_WEBHOOK": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "COGNOMEN_LOG_DELIVERY_WEBHOOK_SECRET": SECRET,
        }
        with Live(tmp_path / "data", environment=settings) as live:
            app = App(live)
            name = app.user()
            app.sign_in(name)
            time.sleep(0.5)  # the delivery hangs by now
            started = time.monotonic()
            for _ in range(5):
                app.sign_in(name)
            assert time.monotonic() - started < 3
            assert live.stop() == 0
