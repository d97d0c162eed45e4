"""By which door a browser or an app comes to a user pool's endpoints: a domain of the pool (`{prefix}.auth.localhost`, a custom domain), or the
pool's own path (`/{poolId}/oauth2/...`), which is always there."""

from __future__ import annotations

import re

import msgspec
from starlette.requests import Request

from cognomen.context import Context
from cognomen.oauth.errors import ToPage
from cognomen.storage.pools import Pool

_POOL_ID = re.compile(r"[\w-]+_[0-9a-zA-Z]+", re.ASCII)
_BY_HOST = "cognomen.door"  # in the scope: the request's own origin, where its host was a pool's domain


class Door(msgspec.Struct, frozen=True):
    """`base` is absolute and has no slash at its end: `{base}/oauth2/authorize` is an address that reaches the pool by the same door."""

    pool: Pool
    base: str

    @property
    def secure(self) -> bool:
        return self.base.startswith("https:")


async def door(cx: Context, request: Request) -> Door:
    """Raises ToPage where there is no such pool."""
    pool_id = request.path_params["pool_id"]
    pool = await cx.store.pools.get(pool_id) if _POOL_ID.fullmatch(pool_id) else None
    if pool is None:
        raise ToPage("invalid_request", "User pool does not exist.", status=404)
    by_host: str | None = request.scope.get(_BY_HOST)
    return Door(pool, by_host or f"{cx.base_url.rstrip('/')}/{pool.pool_id}")
