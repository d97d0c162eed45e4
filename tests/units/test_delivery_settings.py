"""The settings of delivery: what is taken, what is refused in one sentence that holds no secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cognomen.config import BadSetting, load

SMTP = {"delivery": "smtp", "mail_from": "a@b.org", "smtp_host": "mail.example.com"}
TWILIO = {"delivery": "twilio", "twilio_account": "AC1", "twilio_token": "the secret", "twilio_from": "+1"}


@pytest.mark.parametrize(
    ("delivery", "channels"),
    [("inbox", ("inbox",)), ("none", ()), ("inbox, smtp ,sns", ("inbox", "smtp", "sns")), (["smtp", "sns"], ("smtp", "sns"))],
)
def test_channels(delivery: Any, channels: tuple[str, ...]) -> None:
    """A text with commas, or a list in TOML."""
    assert load(None, {}, **{**SMTP, "delivery": delivery}).channels == channels


def test_a_list_in_toml(tmp_path: Path) -> None:
    file = tmp_path / "cognomen.toml"
    file.write_text('delivery = ["inbox", "sns"]\n')
    assert load(file, {}).channels == ("inbox", "sns")


def test_defaults() -> None:
    """Production sends nothing until it is told how; AWS's variables name the services' addresses."""
    assert load(None, {}).channels == ("inbox",)
    assert load(None, {"COGNOMEN_MASTER_KEY": "ab" * 32}, mode="serve").channels == ()
    found = load(None, {f"AWS_ENDPOINT_URL_{name}": f"http://{name.lower()}" for name in ("SESV2", "SNS", "STS")})
    assert (found.aws_endpoint_sesv2, found.aws_endpoint_sns, found.aws_endpoint_sts) == ("http://sesv2", "http://sns", "http://sts")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"delivery": "pigeon"}, "delivery must be none, or one or several of inbox, smtp, ses, sns, eums, twilio"),
        ({"delivery": "none,smtp"}, "delivery must be none, or one or several of"),
        ({"delivery": "sns,eums"}, "delivery must name one of sns and eums: each text would be sent twice"),
        ({"delivery": "sns,sns"}, "delivery must be none, or one or several of"),
        ({"delivery": ""}, "delivery must be none, or one or several of"),
        ({"delivery_seconds": 0.5}, "delivery_seconds must lie between 1 and 60"),
        ({"delivery_seconds": 61}, "delivery_seconds must lie between 1 and 60"),
        ({"delivery_seconds": float("nan")}, "delivery_seconds must lie between 1 and 60"),
        ({**SMTP, "mail_from": ""}, "delivery by smtp or ses needs mail_from"),
        ({"delivery": "ses"}, "delivery by smtp or ses needs mail_from"),
        ({**SMTP, "smtp_host": ""}, "delivery by smtp needs smtp_host"),
        ({**SMTP, "smtp_port": 65536}, "smtp_port must lie between 0 and 65535"),
        ({**SMTP, "smtp_security": "ssl"}, "smtp_security must be starttls, tls or none"),
        ({**SMTP, "smtp_user": "anna"}, "smtp_user and smtp_password go together"),
        ({**SMTP, "smtp_password": "the secret"}, "smtp_user and smtp_password go together"),
        (
            {**SMTP, "smtp_security": "none", "smtp_user": "a", "smtp_password": "the secret"},
            "smtp_security none is for a mail server on this",
        ),
        ({**SMTP, "smtp_security": "none", "mode": "serve"}, "smtp_security none is for a mail server on this machine"),
        ({**TWILIO, "twilio_token": ""}, "delivery by twilio needs twilio_token"),
        ({**TWILIO, "twilio_account": "../../x"}, "twilio_account must be letters and digits"),
        ({**TWILIO, "twilio_url": "http://api.twilio.com"}, "twilio_url must be an https address without a user name"),
        ({**TWILIO, "twilio_url": "https://a:the secret@x"}, "twilio_url must be an https address without a user name"),
        ({"aws_endpoint_sns": "sns"}, "aws_endpoint_sns must be an http or https address"),
    ],
)
def test_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadSetting) as refused:
        load(None, {"COGNOMEN_MASTER_KEY": "ab" * 32}, **given)
    assert str(refused.value).startswith(sentence)
    assert "the secret" not in str(refused.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_unencrypted_on_this_machine(host: str) -> None:
    """A relay on this machine, with a password or not; in dev any that needs none (a container beside)."""
    own = {**SMTP, "smtp_security": "none", "smtp_host": host, "smtp_user": "a", "smtp_password": "b"}
    assert load(None, {"COGNOMEN_MASTER_KEY": "ab" * 32}, mode="serve", **own).smtp_host == host
    assert load(None, {}, **{**SMTP, "smtp_security": "none", "smtp_host": "mailpit"}).smtp_host == "mailpit"
