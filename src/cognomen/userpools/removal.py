"""The removal of a deleted pool's data: in the background, in small units, and taken up again at the next start."""

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
            for pool_id in await rooms.store.pools.condemned():
                while await rooms.store.pools.remove_part(pool_id, _ROWS):  # noqa: ASYNC110  # no wait: requests take their turn
                    await asyncio.sleep(0)
        except Unavailable as error:
            log.warning("the removal of a pool waits for the database", reason=str(error))
            await asyncio.sleep(_RETRY_SECONDS)
            continue
        await rooms.removals.wait()
