"""Push and streams of Cognito Sync, put together by name as the settings say."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from cognomen.config import BadSetting, Settings
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
    raise BadSetting("sync_streams must be kinesis or files")


def _direct(settings: Settings, clock: Clock) -> dict[str, Platform]:
    return {}
