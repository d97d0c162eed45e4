"""All that an operation may touch: the rooms it works with, and whose request it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from cognomen.config import Settings
from cognomen.delivery.message import Delivery
from cognomen.delivery.sync.push import Push
from cognomen.directories.directory import Directories
from cognomen.federation.connector import Connectors
from cognomen.federation.upstream.upstreams import Upstreams
from cognomen.kernel.clock import Clock
from cognomen.kernel.compromised import CompromisedPasswords
from cognomen.kernel.events import Event, Events
from cognomen.kernel.paging import Pager
from cognomen.kernel.places import Places
from cognomen.kernel.secrets import Sealer
from cognomen.kernel.workers import Workers
from cognomen.storage.store import Store
from cognomen.tokens.credentials import Session
from cognomen.tokens.keys import KeyMaker, SigningKeys
from cognomen.tokens.signer import Signer
from cognomen.triggers.invoke import Triggers


class Caller(msgspec.Struct, frozen=True):
    """Who signed the request; in dev the key is named but not checked. `policy` is "admin", "readonly", "anonymous" or "role".

    `session` is that of a role's temporary credentials: with principal tags and what else the role was assumed with."""

    access_key_id: str
    name: str
    account: str
    policy: str
    session: Session | None = None


ANONYMOUS = Caller("", "", "", "anonymous")


class Rooms(msgspec.Struct, frozen=True, kw_only=True):
    """What all requests share; app.py assembles it."""

    settings: Settings
    store: Store
    clock: Clock
    sealer: Sealer
    pager: Pager
    workers: Workers
    signer: Signer
    key_maker: KeyMaker
    keys: SigningKeys
    delivery: Delivery
    push: Push
    events: Events
    triggers: Triggers
    directories: Directories
    compromised: CompromisedPasswords
    places: Places
    connectors: Connectors
    upstreams: Upstreams
    removals: asyncio.Event  # set when a pool was deleted, so that its data is removed in the background
    imports: asyncio.Event  # set when an import job was started or stopped, so that the runner looks at once


class Context:
    """One request. `region` is the one its signature names, or the server's own."""

    __slots__ = (
        "_locate",
        "caller",
        "clock",
        "compromised",
        "connectors",
        "delivery",
        "directories",
        "events",
        "imports",
        "key_maker",
        "keys",
        "pager",
        "places",
        "push",
        "region",
        "removals",
        "request_id",
        "sealer",
        "settings",
        "signer",
        "source_ip",
        "store",
        "triggers",
        "upstreams",
        "user_agent",
        "workers",
    )

    def __init__(
        self,
        rooms: Rooms,
        *,
        caller: Caller = ANONYMOUS,
        request_id: str = "",
        region: str = "",
        locate: Callable[[], str] = str,
        source_ip: str = "",
        user_agent: str = "",
    ) -> None:
        self.settings = rooms.settings
        self.store = rooms.store
        self.clock = rooms.clock
        self.sealer = rooms.sealer
        self.pager = rooms.pager
        self.places = rooms.places
        self.workers = rooms.workers
        self.signer = rooms.signer
        self.key_maker = rooms.key_maker
        self.keys = rooms.keys
        self.delivery = rooms.delivery
        self.push = rooms.push
        self.events = rooms.events
        self.triggers = rooms.triggers
        self.directories = rooms.directories
        self.compromised = rooms.compromised
        self.connectors = rooms.connectors
        self.upstreams = rooms.upstreams
        self.removals = rooms.removals
        self.imports = rooms.imports
        self.caller = caller
        self.request_id = request_id
        self.region = region or rooms.settings.region
        self._locate = locate
        self.source_ip = source_ip
        self.user_agent = user_agent

    @property
    def base_url(self) -> str:
        """How the caller reached the server; worked out only where it is asked for."""
        return self._locate()

    def tell(self, kind: type[Event], pool_id: str, **what: Any) -> None:
        """Emits an event with when, by which request and from where it came about."""
        self.events.emit(
            kind(
                at=self.clock.now(),
                pool_id=pool_id,
                request_id=self.request_id,
                source_ip=self.source_ip,
                user_agent=self.user_agent,
                **what,
            )
        )
