"""Push and streams of Cognito Sync, put together by name as the settings say."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from cognomen.config import BadSetting, Settings, check_address
from cognomen.config_tables import PushApplication
from cognomen.delivery.sync.files import Files
from cognomen.delivery.sync.kinesis import Kinesis
from cognomen.delivery.sync.listeners import Listeners
from cognomen.delivery.sync.payloads import Payloads
from cognomen.delivery.sync.platform import Platform
from cognomen.delivery.sync.push import Push
from cognomen.delivery.sync.sink import StreamSink
from cognomen.delivery.sync.sns_platform import SnsPlatform
from cognomen.delivery.sync.streams import StreamDelivery
from cognomen.kernel.aws import Aws
from cognomen.kernel.aws_roles import Roles
from cognomen.kernel.clock import Clock
from cognomen.kernel.events import Events
from cognomen.kernel.secrets import Sealer
from cognomen.storage.store import Store

_THREADS = 8
_TIMEOUT = 5.0
_APPLICATION = re.compile(r"arn:aws:sns:[-0-9a-z]+:[0-9]+:app/(GCM|APNS|APNS_SANDBOX)/[a-zA-Z0-9_.-]+")


class SyncDelivery(msgspec.Struct, frozen=True):
    push: Push
    streams: StreamDelivery
    listeners: Listeners
    payloads: Payloads

    def listen(self, events: Events) -> None:
        self.push.listen(events)
        self.streams.listen(events)
        self.listeners.listen(events)

    async def stop(self) -> None:
        self.push.stop()
        await self.streams.stop()


def sync_delivery(settings: Settings, store: Store, clock: Clock, sealer: Sealer, aws: Aws, own_url: str) -> SyncDelivery:
    """Raises BadSetting."""
    roles = Roles(aws, clock)
    payloads = Payloads(store, clock, sealer, own_url)
    sns = SnsPlatform(aws, roles, assumes=settings.sync_assume_role)
    return SyncDelivery(
        Push(store, clock, sealer, sns, _direct(settings, clock)),
        StreamDelivery(store, clock, payloads, _sink(settings, aws, roles)),
        Listeners(),
        payloads,
    )


def _sink(settings: Settings, aws: Aws, roles: Roles) -> StreamSink:
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="streams")
    match settings.sync_streams:
        case "kinesis":
            return Kinesis(aws, roles, threads, assumes=settings.sync_assume_role)
        case "files":
            folder = Path(settings.sync_streams_folder)
            if not settings.sync_streams_folder or not folder.is_dir():
                raise BadSetting("sync_streams files needs sync_streams_folder, a folder that is there")
            return Files(folder, threads)
        case "kafka":
            return _kafka(settings)
    raise BadSetting("sync_streams must be kinesis, files or kafka")


def _kafka(settings: Settings) -> StreamSink:
    try:
        from cognomen.delivery.sync.kafka import Broker, Kafka
    except ModuleNotFoundError as error:
        raise BadSetting("sync_streams kafka needs a library that is not installed: pip install 'cognomen[kafka]'") from error
    if not settings.kafka_servers or bool(settings.kafka_user) != bool(settings.kafka_password):
        raise BadSetting("sync_streams kafka needs kafka_servers; kafka_user and kafka_password go together")
    if settings.kafka_user and not settings.kafka_tls and settings.mode == "serve":
        raise BadSetting("kafka_password is sent over TLS alone: set kafka_tls")
    broker = Broker(settings.kafka_servers, settings.kafka_tls, settings.kafka_ca_file, settings.kafka_user, settings.kafka_password)
    try:
        return Kafka(broker)
    except OSError as error:
        raise BadSetting("kafka_ca_file cannot be read") from error


def _direct(settings: Settings, clock: Clock) -> dict[str, Platform]:
    """The platforms that this server calls itself; their libraries are nothing that others need load."""
    made: dict[str, Platform] = {}
    for arn, application in settings.push_applications.items():
        found = _APPLICATION.fullmatch(arn)
        if found is None:
            raise BadSetting(
                f"push_applications, {arn}: must be arn:aws:sns:REGION:ACCOUNT:app/PLATFORM/NAME with GCM, APNS or APNS_SANDBOX"
            )
        try:
            content = Path(application.file).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise BadSetting(f"push_applications, {arn}: file cannot be read") from error
        if application.url:
            check_address(f"push_applications, {arn}: url", application.url)
        made[arn] = (_fcm if found[1] == "GCM" else _apns)(arn, found[1], application, content, clock)
    return made


def _fcm(arn: str, platform: str, application: PushApplication, content: str, clock: Clock) -> Platform:
    from cognomen.delivery.sync.fcm import Fcm, ServiceAccount

    try:
        return Fcm(msgspec.json.decode(content, type=ServiceAccount), application.url, clock)
    except (ValueError, msgspec.MsgspecError) as error:  # the error may quote the key
        raise BadSetting(f"push_applications, {arn}: file must be the JSON of a service account's key") from error


def _apns(arn: str, platform: str, application: PushApplication, content: str, clock: Clock) -> Platform:
    from cognomen.delivery.sync.apns import HOSTS, Apns, Key
    from cognomen.kernel.http2 import Http2

    url = application.url or HOSTS[platform]
    if not (application.key_id and application.team_id and application.topic) or not url.startswith("https://"):
        raise BadSetting(f"push_applications, {arn}: needs key_id, team_id and topic (the app's bundle id)")
    try:
        key = Key(content, application.key_id, application.team_id, application.topic)
        return Apns(Http2(url, application.ca_file, _TIMEOUT), key, clock)
    except (ValueError, OSError) as error:
        raise BadSetting(f"push_applications, {arn}: file must be a private key (.p8) as Apple gives it") from error
