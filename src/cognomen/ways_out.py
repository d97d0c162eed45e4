"""The ways out of a server as its settings name them: AWS's services, mails and texts, logs, functions, directories."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from cognomen.config import BadSetting, Settings
from cognomen.config_tables import UserDirectory
from cognomen.delivery.logs.file import FileSink
from cognomen.delivery.logs.sink import NotSent, Sink
from cognomen.delivery.logs.webhook import WebhookSink
from cognomen.delivery.message import Channel
from cognomen.delivery.sender import Senders
from cognomen.delivery.sns import Sns
from cognomen.delivery.tries import Tries
from cognomen.delivery.twilio import Account, Twilio
from cognomen.directories.cognito import CognitoPool
from cognomen.directories.directory import Directories, Directory
from cognomen.directories.https import HttpsDirectory
from cognomen.kernel.aws import Aws
from cognomen.kernel.clock import Clock
from cognomen.kernel.secrets import Sealer
from cognomen.kernel.threads import Threads
from cognomen.triggers.http import HttpFunctions
from cognomen.triggers.invoke import SECONDS
from cognomen.triggers.lambda_api import LambdaApi
from cognomen.triggers.local import LocalFunctions
from cognomen.triggers.runner import Routes
from cognomen.triggers.sender_keys import SenderKeys


def aws_of(settings: Settings) -> Aws:
    """What is needed to call AWS's own services, or what stands for them."""
    endpoints = {
        "logs": settings.aws_endpoint_logs,
        "firehose": settings.aws_endpoint_firehose,
        "kinesis": settings.aws_endpoint_kinesis,
        "s3": settings.aws_endpoint_s3,
        "kms": settings.aws_endpoint_kms,
        "lambda": settings.aws_endpoint_lambda,
        "sesv2": settings.aws_endpoint_sesv2,
        "sms-voice": settings.aws_endpoint_sms_voice,
        "sns": settings.aws_endpoint_sns,
        "sts": settings.aws_endpoint_sts,
    }
    return Aws(settings.aws_access_key_id, settings.aws_secret_access_key, settings.aws_session_token, endpoints, settings.mode == "serve")


def channels(settings: Settings, senders: Senders, tries: Tries, clock: Clock) -> list[Channel]:
    """The ways out that `delivery` names, beside the inbox."""
    made: dict[str, Callable[[], Channel]] = {
        "smtp": lambda: _smtp(settings, senders, tries, clock),
        "ses": lambda: _ses(settings, senders, tries),
        "eums": lambda: _eums(settings, senders, tries, clock),
        "sns": lambda: Sns(aws_of(settings), senders, tries, clock, assumes=settings.sns_assume_role),
        "twilio": lambda: _twilio(settings, tries),
    }
    return [made[name]() for name in settings.channels if name != "inbox"]


def _smtp(settings: Settings, senders: Senders, tries: Tries, clock: Clock) -> Channel:
    from cognomen.delivery.smtp import Relay, Smtp  # its libraries are nothing that a server without SMTP need load

    port = settings.smtp_port or {"starttls": 587, "tls": 465, "none": 25}[settings.smtp_security]
    relay = Relay(
        host=settings.smtp_host,
        port=port,
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=settings.smtp_password,
        ca_file=settings.smtp_ca_file,
        own_name=urlsplit(settings.public_url).hostname or "localhost",
    )
    return Smtp(relay, senders, tries, clock)


def _ses(settings: Settings, senders: Senders, tries: Tries) -> Channel:
    from cognomen.delivery.ses import Ses

    return Ses(aws_of(settings), senders, tries)


def _eums(settings: Settings, senders: Senders, tries: Tries, clock: Clock) -> Channel:
    from cognomen.delivery.eums import Eums

    return Eums(aws_of(settings), senders, tries, clock, assumes=settings.sns_assume_role)


def _twilio(settings: Settings, tries: Tries) -> Channel:
    return Twilio(
        Account(url=settings.twilio_url, account=settings.twilio_account, token=settings.twilio_token, sent_from=settings.twilio_from),
        tries,
    )


def log_sinks(settings: Settings, clock: Clock) -> dict[str, Sink]:
    """Where the logs of all pools go beside each pool's own destination. Raises BadSetting."""
    sinks: dict[str, Sink] = {}
    if settings.log_delivery_file:
        file = sinks["file"] = FileSink(settings.log_delivery_file)
        try:
            file.check()
        except NotSent as error:
            raise BadSetting(f"log_delivery_file: {error}") from error
    if settings.log_delivery_webhook:
        sinks["webhook"] = WebhookSink(settings.log_delivery_webhook, settings.log_delivery_webhook_secret, clock)
    return sinks


class Functions(Routes):
    """Where Lambda functions run: at an address of their own, here, behind a Lambda API; the first that has the function."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.threads = Threads("functions")
        folder = Path(settings.functions) if settings.functions else None
        table, environment = settings.function_table, settings.function_environment
        self._local = LocalFunctions(folder, table, environment, settings.region, clock, seconds=SECONDS)
        public_only = settings.mode == "serve" and not settings.function_endpoints_private
        http = HttpFunctions(settings.function_endpoints, settings.function_endpoint_secret, clock, self.threads, public_only=public_only)
        super().__init__([http, self._local, LambdaApi(aws_of(settings), self.threads)])

    async def close(self) -> None:
        self.threads.stop()
        await self._local.close()


def sender_keys_of(settings: Settings, sealer: Sealer, threads: Threads) -> SenderKeys:
    return SenderKeys(sealer, aws_of(settings), threads, by_kms=settings.sender_keys == "kms")


def directories_of(settings: Settings, clock: Clock) -> Directories:
    """Where users of pools were before, by the name of the function in whose place each is asked. Raises BadSetting."""

    def made(name: str, row: UserDirectory) -> Directory:
        if row.user_pool_id:
            try:
                return CognitoPool(row.user_pool_id, row.client_id, row.client_secret, row.endpoint_url, aws_of(settings))
            except ValueError as error:
                raise BadSetting(
                    f"user_directories, {name}: user_pool_id begins with no region of AWS, so it needs endpoint_url"
                ) from error
        return HttpsDirectory(row.url, row.secret, clock, public_only=settings.mode == "serve" and not row.private)

    return Directories({name: made(name, row) for name, row in settings.user_directories.items()})
