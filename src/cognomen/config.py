"""Every setting, its default and where it comes from: flags over `COGNOMEN_*` variables over the TOML file. Unknown keys are refused.

docs/reference/settings.md names each; a law holds the two together.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from cognomen.config_tables import GatewaySettings, PushApplication, UserDirectory

PREFIX = "COGNOMEN_"
# By the setting's last word, the last words of the variable that AWS's own tools read.
_SERVICES = {"logs": "CLOUDWATCH_LOGS", "sms_voice": "PINPOINT_SMS_VOICE_V2"}
_SERVICES |= {name: name.upper() for name in ("firehose", "kinesis", "s3", "kms", "lambda", "sesv2", "sns", "sts")}
# What AWS's own tools read, by the setting that it stands for. AWS_ENDPOINT_URL is not among them: it leads clients to this very server.
_OF_AWS = {
    "AWS_ACCESS_KEY_ID": "aws_access_key_id",
    "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key",
    "AWS_SESSION_TOKEN": "aws_session_token",
    **{f"AWS_ENDPOINT_URL_{variable}": f"aws_endpoint_{service}" for service, variable in _SERVICES.items()},
}
_PROVIDERS = (
    "google_keys_url",
    "google_authorize_url",
    "google_token_url",
    "google_people_url",
    "apple_keys_url",
    "apple_url",
    "facebook_url",
    "facebook_dialog_url",
    "amazon_url",
    "amazon_authorize_url",
    "twitter_url",
    "digits_url",
)
_ADDRESSES = ("log_delivery_webhook", "twilio_url", *_PROVIDERS, *(name for name in _OF_AWS.values() if name.startswith("aws_endpoint_")))
_CONFIDENTIAL = tuple(f"aws_endpoint_{service}" for service in ("lambda", "kms", "sesv2", "sms_voice", "sns", "sts"))
_TABLES = ("function_table", "function_endpoints", "function_environment", "user_directories", "push_applications", "gateway")
_CHANNELS = frozenset(("inbox", "smtp", "ses", "sns", "eums", "twilio"))


class BadSetting(Exception):
    """A setting is unknown, missing or not of its kind. The text is one clear sentence that never holds a secret's value."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a server was started with. In TOML the names are these; as variables they are upper-case behind `COGNOMEN_`."""

    mode: str = "dev"
    host: str = "127.0.0.1"
    port: int = 2646
    data: str = "./.cognomen"
    database_url: str = ""
    public_url: str = ""
    tls: bool = False
    trusted_proxies: str = ""
    region: str = "us-east-1"
    account: str = "000000000000"
    issuer: str = "self"
    master_key: str = ""
    master_key_file: str = ""
    delivery: str = "inbox"
    delivery_seconds: float = 8.0
    mail_from: str = ""
    smtp_host: str = ""
    smtp_port: int = 0
    smtp_security: str = "starttls"
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_ca_file: str = ""
    sns_assume_role: bool = False
    sync_assume_role: bool = False
    sync_streams: str = "kinesis"
    sync_streams_folder: str = ""
    kafka_servers: str = ""
    kafka_tls: bool = False
    kafka_ca_file: str = ""
    kafka_user: str = ""
    kafka_password: str = ""
    push_applications: dict[str, PushApplication] = {}
    twilio_url: str = "https://api.twilio.com"
    twilio_account: str = ""
    twilio_token: str = ""
    twilio_from: str = ""
    rate_limits: str = "off"
    processes: int = 1
    compromised_passwords: str = ""
    geo_database: str = ""
    log_level: str = "info"
    log_delivery_file: str = ""
    log_delivery_webhook: str = ""
    log_delivery_webhook_secret: str = ""
    aws_access_key_id: str = ""
    aws_secret_access_key: str = ""
    aws_session_token: str = ""
    aws_endpoint_logs: str = ""
    aws_endpoint_firehose: str = ""
    aws_endpoint_kinesis: str = ""
    aws_endpoint_s3: str = ""
    aws_endpoint_kms: str = ""
    aws_endpoint_lambda: str = ""
    functions: str = ""
    function_table: dict[str, str] = {}
    function_endpoints: dict[str, str] = {}
    function_endpoint_secret: str = ""
    function_endpoints_private: bool = False
    function_environment: dict[str, str] = {}
    user_directories: dict[str, UserDirectory] = {}
    saml_audience: str = ""
    sender_keys: str = "local"
    aws_endpoint_sesv2: str = ""
    aws_endpoint_sms_voice: str = ""
    aws_endpoint_sns: str = ""
    aws_endpoint_sts: str = ""
    credentials: str = "local"
    identity_issuer: str = "aws"
    google_keys_url: str = "https://www.googleapis.com/oauth2/v3/certs"
    google_authorize_url: str = "https://accounts.google.com/o/oauth2/v2/auth"
    google_token_url: str = "https://www.googleapis.com/oauth2/v4/token"
    google_people_url: str = "https://people.googleapis.com"
    apple_keys_url: str = "https://appleid.apple.com/auth/keys"
    apple_url: str = "https://appleid.apple.com"
    facebook_url: str = "https://graph.facebook.com"
    facebook_dialog_url: str = "https://www.facebook.com"
    amazon_url: str = "https://api.amazon.com"
    amazon_authorize_url: str = "https://www.amazon.com/ap/oa"
    twitter_url: str = "https://api.twitter.com"
    digits_url: str = "https://api.digits.com"
    gateway: GatewaySettings | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """The ways by which mails and texts leave, as `delivery` names them; none for "none"."""
        return () if self.delivery == "none" else tuple(name.strip() for name in self.delivery.split(","))

    @property
    def in_memory(self) -> bool:
        return self.data == ":memory:" and not self.database_url

    @property
    def database(self) -> str:
        """The database's URL; where none is set, a SQLite file in the data folder."""
        if self.database_url:
            return self.database_url
        return "sqlite:///:memory:" if self.in_memory else f"sqlite:///{Path(self.data) / 'cognomen.db'}"


def load(file: Path | None, environment: Mapping[str, str] | None = None, /, **flags: object) -> Settings:
    """Reads the settings. Flags that are None were not given. Raises BadSetting."""
    given = os.environ if environment is None else environment
    values: dict[str, object] = {name: given[variable] for variable, name in _OF_AWS.items() if given.get(variable)}
    if file is not None:
        values.update(_from_file(file))
    values.update(_from_environment(given))
    values.update({name: value for name, value in flags.items() if value is not None})
    if values.get("mode") == "serve":
        values.setdefault("delivery", "none")  # what nobody can read must not be answered as sent
        values.setdefault("rate_limits", "aws")
    if isinstance(values.get("delivery"), list):
        values["delivery"] = ",".join(map(str, values["delivery"]))  # type: ignore[call-overload]
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise BadSetting(f"a setting is not of its kind: {error}") from error
    _check(settings)
    return settings


def with_port(settings: Settings, port: int) -> Settings:
    """The settings with the port that was really taken, where 0 had been asked."""
    return msgspec.structs.replace(settings, port=port)


def _from_file(file: Path) -> dict[str, object]:
    try:
        found = tomllib.loads(file.read_text())
    except OSError as error:
        raise BadSetting(f"cannot read {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"{file} is not TOML: {error}") from error
    for name in found:
        if name not in Settings.__struct_fields__:
            raise BadSetting(f"{file} has an unknown key: {name}")
    return found


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for variable, value in environment.items():
        if variable.startswith(PREFIX):
            name = variable.removeprefix(PREFIX).lower()
            if name not in Settings.__struct_fields__:
                raise BadSetting(f"the variable {variable} is not a setting")
            found[name] = _table(variable, value) if name in _TABLES else value
    return found


def _table(variable: str, value: str) -> object:
    """A table's variable holds it as JSON."""
    try:
        return msgspec.json.decode(value or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadSetting(f"{variable} must be a JSON object") from error


def _check_functions(settings: Settings) -> None:
    if settings.functions and not Path(settings.functions).is_dir():
        raise BadSetting(f"functions: there is no folder {settings.functions}")
    for name, row in settings.function_table.items():
        if ":" not in row:
            raise BadSetting(f"function_table: {name} must be path:handler")
    for arn, url in settings.function_endpoints.items():
        check_address(f"function_endpoints, {arn}:", url or "none")
        if settings.mode == "serve" and urlsplit(url).scheme != "https":
            raise BadSetting(f"function_endpoints, {arn}: must be an https address")
    if settings.function_endpoints and len(settings.function_endpoint_secret) < 16:
        raise BadSetting("function_endpoints needs function_endpoint_secret, of at least 16 characters, to sign what it sends")
    if settings.sender_keys not in ("local", "kms"):
        raise BadSetting("sender_keys must be local or kms")


def _check_directories(settings: Settings) -> None:
    for name, row in settings.user_directories.items():
        where = f"user_directories, {name}:"
        if bool(row.user_pool_id) == bool(row.url):
            raise BadSetting(f"{where} needs either user_pool_id (and client_id), or url (and secret)")
        check_address(f"{where} endpoint_url", row.endpoint_url)
        if row.user_pool_id:
            if not row.client_id or "_" not in row.user_pool_id:
                raise BadSetting(f"{where} needs client_id, a client of the pool REGION_ID with ALLOW_USER_PASSWORD_AUTH")
            _check_seen_by_none(settings, f"{where} endpoint_url", row.endpoint_url)
            continue
        check_address(f"{where} url", row.url)
        if settings.mode == "serve" and urlsplit(row.url).scheme != "https":
            raise BadSetting(f"{where} url must be an https address")
        if len(row.secret) < 16:
            raise BadSetting(f"{where} needs secret, of at least 16 characters, to sign what it sends")


def _check_identities(settings: Settings) -> None:
    if settings.credentials not in ("local", "sts"):
        raise BadSetting("credentials must be local or sts")
    if settings.identity_issuer not in ("aws", "self"):
        raise BadSetting("identity_issuer must be aws or self")
    if settings.credentials == "sts" and settings.mode == "dev" and not settings.aws_endpoint_sts:
        raise BadSetting("credentials sts needs aws_endpoint_sts in dev, which calls no service of AWS by itself")


def _check_listening(settings: Settings) -> None:
    if settings.mode not in ("dev", "serve"):
        raise BadSetting("mode must be dev or serve")
    if not 0 <= settings.port <= 65535:
        raise BadSetting("port must lie between 0 and 65535")
    if settings.tls and settings.mode != "dev":
        raise BadSetting("tls is for development: in production a proxy in front of the server answers by https")


def _check(settings: Settings) -> None:
    _check_functions(settings)
    _check_directories(settings)
    _check_identities(settings)
    if settings.gateway is not None and not 0 <= settings.gateway.port <= 65535:
        raise BadSetting("gateway.port must lie between 0 and 65535")
    _check_listening(settings)
    _check_delivery(settings)
    if settings.rate_limits not in ("aws", "off"):
        raise BadSetting("rate_limits must be aws or off")
    if not 1 <= settings.processes <= 1000:
        raise BadSetting("processes must lie between 1 and 1000")
    if settings.log_level not in ("debug", "info", "warning", "error"):
        raise BadSetting("log_level must be debug, info, warning or error")
    if settings.public_url and (urlsplit(settings.public_url).scheme not in ("http", "https") or not urlsplit(settings.public_url).netloc):
        raise BadSetting("public_url must be an http or https address")
    _check_addresses(settings)
    if settings.log_delivery_webhook and len(settings.log_delivery_webhook_secret) < 16:
        raise BadSetting("log_delivery_webhook needs log_delivery_webhook_secret, of at least 16 characters, to sign what it sends")
    _check_networks("trusted_proxies", settings.trusted_proxies)
    if settings.issuer not in ("self", "aws") and urlsplit(settings.issuer).scheme not in ("http", "https"):
        raise BadSetting("issuer must be self, aws or an http or https address")
    if not (settings.account.isdigit() and len(settings.account) == 12):
        raise BadSetting("account must be twelve digits")
    if settings.mode == "serve" and not (settings.master_key or settings.master_key_file):
        raise BadSetting("serve needs a master key: set COGNOMEN_MASTER_KEY or master_key_file (`cognomen keys master` makes one)")
    if not settings.database.startswith(("sqlite:///", "postgresql://", "postgres://")):
        raise BadSetting("database_url must begin with sqlite:/// or postgresql://")


def _check_addresses(settings: Settings) -> None:
    for name in _ADDRESSES:
        check_address(name, getattr(settings, name))
    for name in _CONFIDENTIAL:
        _check_seen_by_none(settings, name, getattr(settings, name))


def _check_seen_by_none(settings: Settings, name: str, url: str) -> None:
    if settings.mode == "serve" and urlsplit(url).scheme == "http" and not _is_loopback(urlsplit(url).hostname or ""):
        raise BadSetting(f"{name} must be an https address, or one on this machine: passwords, codes or keys go there")


def _check_networks(name: str, text: str) -> None:
    for each in filter(None, text.split(",")):
        try:
            ipaddress.ip_network(each.strip())
        except ValueError:
            raise BadSetting(f"{name} must be addresses or networks in CIDR notation, with commas between them") from None


def _check_delivery(settings: Settings) -> None:
    channels = settings.channels
    if len(set(channels)) < len(channels) or not set(channels) <= _CHANNELS:
        raise BadSetting("delivery must be none, or one or several of inbox, smtp, ses, sns, eums, twilio")
    if {"sns", "eums"} <= set(channels):
        raise BadSetting("delivery must name one of sns and eums: each text would be sent twice")
    if not 1 <= settings.delivery_seconds <= 60:
        raise BadSetting("delivery_seconds must lie between 1 and 60")
    if {"smtp", "ses"} & set(channels) and "@" not in settings.mail_from:
        raise BadSetting("delivery by smtp or ses needs mail_from, the address of whoever sends")
    if settings.smtp_security not in ("starttls", "tls", "none"):
        raise BadSetting("smtp_security must be starttls, tls or none")
    if not 0 <= settings.smtp_port <= 65535:
        raise BadSetting("smtp_port must lie between 0 and 65535")
    if "smtp" in channels:
        _check_smtp(settings)
    if "twilio" in channels:
        _check_twilio(settings)


def _check_smtp(settings: Settings) -> None:
    if not settings.smtp_host:
        raise BadSetting("delivery by smtp needs smtp_host")
    if bool(settings.smtp_user) != bool(settings.smtp_password):
        raise BadSetting("smtp_user and smtp_password go together")
    if settings.smtp_security == "none" and not _is_loopback(settings.smtp_host) and (settings.mode == "serve" or settings.smtp_password):
        raise BadSetting("smtp_security none is for a mail server on this machine (in dev for any that needs no password)")


def _check_twilio(settings: Settings) -> None:
    for name in ("twilio_account", "twilio_token", "twilio_from"):
        if not getattr(settings, name):
            raise BadSetting(f"delivery by twilio needs {name}")
    if not settings.twilio_account.isalnum():
        raise BadSetting("twilio_account must be letters and digits")
    parts = urlsplit(settings.twilio_url)
    if "@" in parts.netloc or not (parts.scheme == "https" or _is_loopback(parts.hostname or "")):
        raise BadSetting("twilio_url must be an https address without a user name")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_address(name: str, value: str) -> None:
    try:
        parts = urlsplit(value)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fits = False
    if value and not fits:
        raise BadSetting(f"{name} must be an http or https address")
