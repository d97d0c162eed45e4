"""The removal of the data of deleted pools, user pools and identity pools alike: in the background, in small units, and taken up again at the next start."""

from __future__ import annotations

import asyncio

from cognomen.context import Rooms
from cognomen.kernel.log import get_logger
from cognomen.storage.errors import Unavailable

_ROWS = 500
_RETRY_SECONDS = 5.0
log = get_logger("userpools")


async def remove_condemned(rooms: Rooms) -> None:
    """Removes what is left of every pool whose deletion was asked, now and whenever `rooms.removals` is set."""
    while True:
        rooms.removals.clear()
        try:
            for condemned in (rooms.store.pools, rooms.store.identity_pools):
                for pool_id in await condemned.condemned():
                    while await condemned.remove_part(pool_id, _ROWS):  # noqa: ASYNC110  # no wait: requests take their turn
                        await asyncio.sleep(0)
        except Unavailable as error:
            log.warning("the removal of a pool waits for the database", reason=str(error))
            await asyncio.sleep(_RETRY_SECONDS)
            continue
        await rooms.removals.wait()
