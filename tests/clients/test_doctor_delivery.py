"""`cognomen doctor` asks the channels of delivery, and sends a test message where it is told to."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.kit.live import COGNOMEN
from tests.kit.mail_server import MailServer, body, free_port
from tests.kit.receiver import Receiver

TWILIO = {"TWILIO_ACCOUNT": "AC1", "TWILIO_TOKEN": "the token", "TWILIO_FROM": "+15005550006"}


def doctor(folder: Path, *arguments: str, **settings: object) -> tuple[int, dict[str, Any]]:
    """The exit code, and what it found of delivery."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COGNOMEN_", "AWS_"))}
    environment = kept | {f"COGNOMEN_{name}": str(value) for name, value in {"PORT": 0, "DELIVERY_SECONDS": 2, **settings}.items()}
    command = [str(COGNOMEN), "doctor", "--json", "--data", "data", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert "the token" not in done.stdout + done.stderr
    checks = {check["check"]: (check["result"], check["found"]) for check in json.loads(done.stdout)["checks"]}
    return done.returncode, {name: found for name, found in checks.items() if "delivery" in name or "message" in name}


def smtp(port: int) -> dict[str, object]:
    return {"MAIL_FROM": "a@b.org", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": port, "SMTP_SECURITY": "none"}


def test_a_mail_and_a_text(tmp_path: Path) -> None:
    """Each goes by the channel that serves its kind, and nothing goes without being asked for."""
    with MailServer() as mails, Receiver() as receiver:
        settings = {"DELIVERY": "smtp,twilio", **smtp(mails.port), **TWILIO, "TWILIO_URL": receiver.url}
        well = {
            "delivery by smtp": ("ok", f"the mail server 127.0.0.1:{mails.port} answers, unencrypted"),
            "delivery by twilio": ("ok", f"{receiver.url} knows the account"),
        }
        assert doctor(tmp_path, **settings) == (0, well)
        assert (mails.taken, [asked.method for asked in receiver.received]) == ([], ["GET"])
        found = doctor(tmp_path, "--send-to", "anna@example.org", **settings)
        assert found == (0, {**well, "a message by smtp": ("ok", "taken")})
        found = doctor(tmp_path, "--send-to", "+4915112345678", **settings)
        assert found == (0, {**well, "a message by twilio": ("ok", "taken")})
        [mail] = mails.mails
    assert (mail["From"], mail["To"], mail["Subject"]) == ("a@b.org", "anna@example.org", "A test message")
    assert body(mail, "plain") == "This is a test message: your server's messages arrive."
    assert [asked.method for asked in receiver.received] == ["GET", "GET", "GET", "POST"]


def test_nobody_is_there(tmp_path: Path) -> None:
    port = free_port()
    code, found = doctor(tmp_path, "--send-to", "anna@example.org", DELIVERY="smtp", **smtp(port))
    away = ("failed", f"the mail server 127.0.0.1:{port} cannot be reached, or hung up")
    assert (code, found) == (
        1,
        {
            "delivery": ("warning", "nothing sends texts: operations that need one fail"),
            "delivery by smtp": away,
            "a message by smtp": away,
        },
    )


def test_nowhere_to_send(tmp_path: Path) -> None:
    """The inbox is no way to anybody's address."""
    nowhere = ("failed", "no channel of delivery sends one there")
    inbox = {"delivery": ("ok", "mails and texts land in the inbox")}
    assert doctor(tmp_path) == (0, inbox)
    assert doctor(tmp_path, "--send-to", "anna@example.org") == (1, {**inbox, "a message": nowhere})
    found = doctor(tmp_path, "--send-to", "anna@example.org", DELIVERY="none")
    assert found == (1, {"delivery": ("warning", "none: operations that send a message fail"), "a message": nowhere})


def test_the_inbox_in_production(tmp_path: Path) -> None:
    """What lands in it reaches nobody."""
    with MailServer() as mails:
        _, found = doctor(tmp_path, "--serve", MASTER_KEY="ab" * 32, DELIVERY="inbox,smtp", **smtp(mails.port))
    assert found["delivery"] == ("warning", "the inbox alone takes texts, and `serve` does not show it")
