"""By which door a browser or an app comes to a user pool's endpoints: a domain of the pool (`{prefix}.auth.localhost`, a custom domain), or the
pool's own path (`/{poolId}/oauth2/...`), which is always there."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from cognomen.context import Context
from cognomen.oauth.errors import ToPage
from cognomen.storage.domains import CUSTOM, PREFIX, Domain
from cognomen.storage.errors import Unavailable
from cognomen.storage.pools import Pool
from cognomen.storage.store import Store
from cognomen.tokens.issuer import is_loopback

_POOL_ID = re.compile(r"[\w-]+_[0-9a-zA-Z]+", re.ASCII)
_BY_HOST: Final = "cognomen.door"  # in the scope: the request's own origin, where its host was a pool's domain, and the domain's look
_LOCAL: Final = ".auth.localhost"
_HEALTH: Final = "/health"  # of the server, by whatever name it is asked
_NOT_THERE: Final = "/.well-known/"  # of the issuer, and not of a domain (FIDELITY B.8.64)
_NAME: Final = re.compile(r"[a-z0-9.-]{1,253}(:[0-9]{1,5})?", re.ASCII)


class Door(msgspec.Struct, frozen=True):
    """`base` is absolute and has no slash at its end: `{base}/oauth2/authorize` is an address that reaches the pool by the same door. `managed`:
    have its pages the look of managed login, or the classic one? None where the door does not say."""

    pool: Pool
    base: str
    managed: bool | None = None

    @property
    def secure(self) -> bool:
        return self.base.startswith("https:")


async def door(cx: Context, request: Request) -> Door:
    """Raises ToPage where there is no such pool."""
    pool_id = request.path_params["pool_id"]
    pool = await cx.store.pools.get(pool_id) if _POOL_ID.fullmatch(pool_id) else None
    if pool is None:
        raise ToPage("invalid_request", "User pool does not exist.", status=404)
    origin, managed = request.scope.get(_BY_HOST, (None, None))
    return Door(pool, origin or f"{cx.base_url.rstrip('/')}/{pool.pool_id}", managed)


class ByDomain:
    """Leads what comes to a pool's domain to the pool's own path; all else stays as it is. Beside `{prefix}.auth.localhost` a server with a
    `public_url` has `{prefix}.auth.{its host}`."""

    def __init__(self, pages: ASGIApp, store: Store, public_url: str) -> None:
        self._pages = pages
        self._store = store
        public = urlsplit(public_url)
        self._host = public.hostname or ""
        self._scheme = public.scheme
        self._suffixes = (_LOCAL, f".auth.{self._host}") if self._host else (_LOCAL,)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != _HEALTH:
            given = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
            name = given.partition(":")[0] if _NAME.fullmatch(given) else ""
            prefix = next((name.removesuffix(suffix) for suffix in self._suffixes if name.endswith(suffix)), None)
            try:
                found = await self._domain(name, prefix)
            except Unavailable:
                await JSONResponse({"message": "The database cannot be reached now."}, 503, {"retry-after": "1"})(scope, receive, send)
                return
            if found is not None and not scope["path"].startswith(_NOT_THERE):
                origin = f"{self._scheme or scope['scheme']}://{given}"
                scope = {**scope, "path": f"/{found.pool_id}{scope['path']}", _BY_HOST: (origin, found.managed_login_version == 2)}
            elif found is not None or prefix is not None:
                await JSONResponse({"message": "There is nothing at this domain."}, 404)(scope, receive, send)
                return
        await self._pages(scope, receive, send)

    async def _domain(self, name: str, prefix: str | None) -> Domain | None:
        if prefix is not None:
            found = await self._store.domains.find(prefix)
            return found if found is not None and found.kind == PREFIX else None
        if not name or name == self._host or is_loopback(name):
            return None
        found = await self._store.domains.find(name)
        return found if found is not None and found.kind == CUSTOM else None
