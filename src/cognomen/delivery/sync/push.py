"""Tells devices that a dataset changed, beside the requests: of each dataset the newest count, again and again for a day."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from cognomen.delivery.rounds import pause, rounds
from cognomen.delivery.sync.platform import Gone, NoPlatform, NotNow, Platform, Told, data_of
from cognomen.kernel.clock import Clock
from cognomen.kernel.events import DatasetChanged, Events
from cognomen.kernel.log import get_logger
from cognomen.kernel.secrets import Sealer, Unsealable
from cognomen.storage.engine import Tx
from cognomen.storage.store import Store
from cognomen.storage.sync_devices import Device
from cognomen.storage.sync_notices import Notice

KEPT_SECONDS = 86_400.0  # then a notice is dropped; a device asks what changed when its app is opened, too
PURPOSE = "push token"
_GATHER_SECONDS = 0.1  # so that several updates of a dataset are told as one
_CLAIM_SECONDS = 60.0
_AT_ONCE = 16
log = get_logger("push")


class Push:
    """`direct` are the platforms that this server calls by itself, by the ARN of the application; all others are SNS's."""

    def __init__(self, store: Store, clock: Clock, sealer: Sealer, sns: Platform, direct: Mapping[str, Platform]) -> None:
        self._store = store
        self._clock = clock
        self._sealer = sealer
        self._sns = sns
        self._direct = direct
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="push")
        self._woken = asyncio.Event()

    def listen(self, events: Events) -> None:
        events.on(DatasetChanged, self._heard)

    def _heard(self, event: DatasetChanged) -> None:
        if event.waits:
            self._woken.set()

    async def register(self, application: str, role: str, token: str) -> str:
        """The endpoint for a device's token. Raises NoPlatform, BadToken, NotNow."""
        platform = self._direct.get(application, self._sns)
        return await asyncio.get_running_loop().run_in_executor(self._threads, platform.register, application, role, token)

    async def run(self) -> None:
        """Until it is cancelled."""
        await rounds("push", self.deliver, self._woken, log, gather=_GATHER_SECONDS)

    def stop(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for platform in self._direct.values():
            platform.close()

    async def deliver(self) -> None:
        """Tells what is due, until nothing is. Raises StorageError."""
        while notices := await self._store.sync_notices.claim(self._clock.now(), self._clock.now() + _CLAIM_SECONDS, _AT_ONCE):
            await asyncio.gather(*(self._tell(notice) for notice in notices))

    async def _tell(self, notice: Notice) -> None:
        push = (await self._store.sync_settings.get(notice.pool_id)).push
        device = await self._store.sync_devices.get(notice.pool_id, notice.identity_id, notice.device_id)
        if push is None or device is None or device.application not in (push.application_arns or []):
            await self._store.sync_notices.drop([notice])
            return
        try:
            token = self._sealer.open(PURPOSE, device.token, device.pool_id.encode()).decode()
            told = Told(device, token, data_of(notice.pool_id, notice.identity_id, notice.name, notice.sync_count))
            platform = self._direct.get(device.application, self._sns)
            await asyncio.get_running_loop().run_in_executor(self._threads, partial(platform.tell, told, push.role_arn or ""))
        except Gone:
            await self._forget(device)
        except (NotNow, NoPlatform) as error:
            await self._put_off(notice, str(error))
        except Unsealable:
            await self._forget(device)
        except Exception as bug:  # a platform that answers what nobody expects is one that failed
            log.exception("push failed", pool_id=notice.pool_id)
            await self._put_off(notice, type(bug).__name__)
        else:
            await self._store.sync_notices.told([notice], self._clock.now())

    async def _put_off(self, notice: Notice, reason: str) -> None:
        now = self._clock.now()
        if now > notice.created_at + KEPT_SECONDS:
            await self._store.sync_notices.drop([notice])
            log.error("a device could not be told for a day", pool_id=notice.pool_id, reason=reason)
            return
        await self._store.sync_notices.put_off([(notice, now + pause(notice.failures))])
        if not notice.failures:
            log.warning("a device cannot be told now", pool_id=notice.pool_id, reason=reason)

    async def _forget(self, device: Device) -> None:
        """The token leads nowhere any more; unless it was registered anew meanwhile."""

        async def unit(tx: Tx) -> None:
            key = (device.pool_id, device.identity_id, device.device_id)
            present = await self._store.sync_devices.get(*key, tx)
            if present is not None and (present.endpoint, present.created_at) == (device.endpoint, device.created_at):
                await self._store.sync_devices.remove(tx, *key)

        await self._store.write(unit)
