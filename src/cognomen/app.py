"""Assembles a server: every object by its name, in plain sight. Knows everyone; no one knows it."""

from __future__ import annotations

import asyncio
import contextlib
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cognomen.api.operation import OPERATIONS, Operation
from cognomen.config import BadSetting, Settings
from cognomen.context import Context, Rooms
from cognomen.delivery.inbox import Inbox
from cognomen.delivery.logs.deliver import LogDelivery
from cognomen.delivery.logs.import_log import CloudWatchImportLog
from cognomen.delivery.message import Delivery
from cognomen.delivery.null import NoDelivery
from cognomen.delivery.outbox import Outbox
from cognomen.delivery.sender import Senders
from cognomen.delivery.sync.made import sync_delivery
from cognomen.delivery.tries import Tries
from cognomen.federation.connector import SAML, Connectors, Endpoints
from cognomen.federation.connectors import LazyConnectors
from cognomen.federation.saml import SamlLogins
from cognomen.federation.upstream.upstreams import Upstreams
from cognomen.hosted.site import site
from cognomen.identitypools import operations as identity_operations
from cognomen.kernel.clock import Clock, SystemClock
from cognomen.kernel.compromised import CompromisedPasswords
from cognomen.kernel.events import Events
from cognomen.kernel.log import get_logger
from cognomen.kernel.paging import Pager
from cognomen.kernel.password_filter import BadFilter
from cognomen.kernel.places import BadPlaces, Places
from cognomen.kernel.secrets import BadMasterKey, MasterKey, Sealer, create_master_key_file
from cognomen.kernel.workers import Workers
from cognomen.metering.rates import Rates
from cognomen.metering.sync_sessions import SyncSessions
from cognomen.policies.evaluate import Decision
from cognomen.storage.engine import make_engine
from cognomen.storage.errors import StorageError
from cognomen.storage.migrate import migrate
from cognomen.storage.store import Store
from cognomen.tokens import access_keys, credentials, permissions, sealing
from cognomen.tokens.keys import KeyMaker, RsaKeyMaker, SigningKeys
from cognomen.tokens.signer import Signer
from cognomen.triggers.invoke import Triggers
from cognomen.triggers.runner import Runner
from cognomen.userpools import operations, removal
from cognomen.userpools.imports_run import ImportRunner
from cognomen.ways_out import Functions, aws_of, channels, directories_of, log_sinks, sender_keys_of
from cognomen.wire import restjson
from cognomen.wire.caller import AccessKey, Authenticator
from cognomen.wire.dispatch import Call, Dispatcher, Receive, Scope, Send
from cognomen.wire.event_stream import EventStream
from cognomen.wire.request import HttpRequest

if TYPE_CHECKING:
    from cognomen.gateway.site import Gateway

log = get_logger("cognomen")
_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\]|[a-z0-9-]{1,63}\.localhost)(:[0-9]{1,5})?")
_SWEEP_SECONDS = 300.0


def master_key(settings: Settings) -> MasterKey:
    """The key that seals everything. In dev it is made in the data folder on the first start. Raises BadSetting."""
    try:
        if settings.master_key:
            return MasterKey.from_text(settings.master_key)
        if settings.master_key_file:
            return MasterKey.from_file(Path(settings.master_key_file))
        if settings.in_memory:
            return MasterKey.generate()
        if settings.data == ":memory:":
            raise BadSetting(
                "a database that is kept needs a master key that is kept: set COGNOMEN_MASTER_KEY, master_key_file or a data folder"
            )
        file = Path(settings.data) / "master.key"
        if file.exists():
            return MasterKey.from_file(file)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return create_master_key_file(file)
    except BadMasterKey as error:
        raise BadSetting(str(error)) from error
    except OSError as error:
        raise BadSetting(f"cannot write the data folder {settings.data}: {error.strerror}") from error


def _gateway(settings: Settings, rooms: Rooms) -> Gateway | None:
    from cognomen.gateway.doors import Doors  # 40 ms, which no other server need pay
    from cognomen.gateway.routes import gateway_of

    return gateway_of(settings, Doors(rooms.store, rooms.sealer, rooms.clock, rooms.keys, settings.public_url))


def endpoints_of(settings: Settings) -> Endpoints:
    return Endpoints(**{name: getattr(settings, f"{name}_url").rstrip("/") for name in Endpoints.__struct_fields__})


def connectors_of(settings: Settings, store: Store, sealer: Sealer) -> Connectors:
    """By which tokens of others are verified. In production, registered providers are on the public network."""
    saml = SamlLogins(store, sealer, account=settings.account, region=settings.region, audience=settings.saml_audience)
    return LazyConnectors(endpoints_of(settings), public_only=settings.mode == "serve", more={SAML: saml})


class TemporaryKeys:
    """Temporary credentials for the wire: opened, and their role's policies asked."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def open(self, access_key_id: str, session_token: str) -> credentials.Session:
        rooms = self._rooms
        return await permissions.session_of(rooms.store, rooms.sealer, rooms.clock, access_key_id, session_token)

    async def check(self, session: credentials.Session) -> None:
        await permissions.check_session(self._rooms.store, self._rooms.clock, session)

    def secret(self, access_key_id: str) -> str:
        return credentials.secret_of(self._rooms.sealer, access_key_id)

    async def decide(
        self, session: credentials.Session, operation: Operation, request: object, region: str, source: HttpRequest
    ) -> list[tuple[str, str, Decision]]:
        """What the request does and to what, and whether the session may."""
        store = self._rooms.store
        where = region or self._rooms.settings.region
        resource = await permissions.resource_of(store, operation.service, session.account, where, request)
        passed = permissions.roles_passed(operation.service, request)
        asked = [(f"{operation.service}:{operation.name}", resource), *(("iam:PassRole", role) for role in passed)]
        named = {"UserAgent": source.text(b"user-agent"), "Referer": source.text(b"referer")}
        context = permissions.request_keys(self._rooms.clock, source.client, source.scheme, where, named)
        context |= permissions.operation_keys(operation.service, request)
        context |= {"iam:PassedToService": [f"{operation.service}.amazonaws.com"]} if passed else {}
        return [(*one, await permissions.decide_for(store, session, *one, context)) for one in asked]


class Server:
    """One process: the rooms that requests share, the ASGI application over them, and what runs beside it."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        key_maker: KeyMaker | None = None,
        key: MasterKey | None = None,
        functions: Runner | None = None,
        strict: bool = False,
    ) -> None:
        self.settings = settings
        self._own_url = settings.public_url or f"{'https' if settings.tls else 'http'}://{settings.host}:{settings.port}"
        store = Store(make_engine(settings.database))
        clock, key_maker = clock or SystemClock(), key_maker or RsaKeyMaker()
        sealer = Sealer(key or master_key(settings))
        workers = Workers()
        self._functions = Functions(settings, clock)
        self.inbox = Inbox(store.inbox, sealer, clock)
        self._tries = Tries(settings.delivery_seconds)
        self.sync = sync_delivery(settings, store, clock, sealer, aws_of(settings), self._own_url)
        self.rooms = Rooms(
            settings=settings,
            store=store,
            clock=clock,
            sealer=sealer,
            pager=Pager(sealer),
            workers=workers,
            signer=Signer(workers),
            key_maker=key_maker,
            keys=SigningKeys(store.signing_keys, sealer, key_maker, workers),
            delivery=self._delivery(store, clock),
            push=self.sync.push,
            events=Events(),
            triggers=Triggers(functions or self._functions, sender_keys_of(settings, sealer, self._functions.threads)),
            directories=directories_of(settings, clock),
            compromised=CompromisedPasswords(settings.compromised_passwords),
            places=Places(settings.geo_database),
            connectors=connectors_of(settings, store, sealer),
            upstreams=Upstreams(endpoints_of(settings), public_only=settings.mode == "serve"),
            removals=asyncio.Event(),
            imports=asyncio.Event(),
        )
        self.logs = LogDelivery(store, clock, servers=log_sinks(settings, clock), aws=aws_of(settings), account=settings.account)
        self.sync_sessions = SyncSessions(store, clock)
        for room in (self.logs, self.sync, self.sync_sessions):
            room.listen(self.rooms.events)
        self.imports = ImportRunner(store, clock, sealer, self.rooms.imports, CloudWatchImportLog(aws_of(settings), clock))
        operations.load()
        identity_operations.load()
        authenticator = self._authenticator(clock)
        enforced = settings.rate_limits == "aws"
        self.rates = Rates(store.limits, clock, enforced=enforced, processes=settings.processes, region=settings.region)
        self.dispatcher = self._dispatcher(authenticator, clock, strict=strict)
        self.events = EventStream(OPERATIONS, authenticator, self.context_for, self.sync.listeners, shared=store.engine.name != "sqlite")
        self.pages = site(self.rooms, self.inbox, self.sync.payloads, self.base_url, self.rates)
        self.gateway = _gateway(settings, self.rooms) if settings.gateway is not None else None
        self._beside: list[asyncio.Task[None]] = []

    def _dispatcher(self, authenticator: Authenticator, clock: Clock, *, strict: bool) -> Dispatcher:
        return Dispatcher(
            operations=OPERATIONS,
            context_for=self.context_for,
            authenticator=authenticator,
            clock=clock,
            logger=get_logger("operations"),
            limits=self.rates,
            strict=strict,
        )

    def _authenticator(self, clock: Clock) -> Authenticator:
        serves = self.settings.mode == "serve"
        return Authenticator(required=serves, lookup=self._access_key, clock=clock, sessions=TemporaryKeys(self.rooms))

    def _delivery(self, store: Store, clock: Clock) -> Delivery:
        if not self.settings.channels:
            return NoDelivery()
        senders = Senders(store.pools, self.settings.mail_from, self.settings.region)
        inbox = self.inbox if "inbox" in self.settings.channels else None
        return Outbox(inbox, channels(self.settings, senders, self._tries, clock))

    async def start(self) -> None:
        """Opens and migrates the database, and starts what runs beside the requests. Raises CannotStart, BadSetting."""
        try:
            self.rooms.compromised.check()
            self.rooms.places.check()
        except (BadFilter, BadPlaces) as error:
            raise BadSetting(str(error)) from error
        await self.rooms.store.engine.open()
        await migrate(self.rooms.store.engine)
        if await sealing.fits(self.rooms.store, self.rooms.sealer) is False:
            raise BadSetting(sealing.WRONG_KEY)
        self.rooms.key_maker.start()
        self._beside = [
            asyncio.create_task(self._sweep()),
            asyncio.create_task(removal.remove_condemned(self.rooms)),
            asyncio.create_task(self.logs.run()),
            asyncio.create_task(self.sync.push.run()),
            asyncio.create_task(self.sync.streams.run()),
            asyncio.create_task(self.imports.run()),
            asyncio.create_task(self.sync_sessions.run()),
        ]

    async def stop(self) -> None:
        for task in self._beside:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self.gateway is not None:
            self.gateway.close()
        await self.rooms.triggers.senders.finish()
        await self.logs.stop()
        await self.sync.stop()
        if self._beside:  # else the database was never opened
            await self.sync_sessions.keep()
        await self._functions.close()
        for threads in (self.imports, self.rooms.directories, self.rooms.upstreams, self._tries):
            threads.stop()
        self.rooms.key_maker.stop()
        await self.rooms.store.engine.close()
        self.rooms.places.close()
        await self.rooms.signer.stop()
        self.rooms.workers.stop()

    def hang_up(self) -> None:
        """Ends what would stay open for as long as its client wants."""
        self.sync.listeners.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (
            (scope["path"] == "/" and (scope["method"] in ("POST", "OPTIONS") or b"Action=" in scope["query_string"]))
            or scope["path"].startswith(restjson.ROOT)
        ):
            await (self.events if self.events.claims(scope) else self.dispatcher)(scope, receive, send)
        else:
            await self.pages(scope, receive, send)

    def base_url(self, scheme: str, host: str) -> str:
        """How links and `self` issuers name this server: `public_url`; in dev, the loopback name by which the caller came."""
        if not self.settings.public_url and self.settings.mode == "dev" and _LOOPBACK.fullmatch(host):
            return f"{scheme}://{host}"
        return self._own_url

    def context_for(self, call: Call) -> Context:
        return Context(
            self.rooms,
            caller=call.caller,
            request_id=call.request_id,
            region=call.region or "",
            locate=partial(self.base_url, call.scheme, call.host),
            source_ip=call.source_ip,
            user_agent=call.user_agent,
        )

    async def _access_key(self, key_id: str) -> AccessKey | None:
        found = await self.rooms.store.access_keys.get(key_id)
        return AccessKey(key_id, access_keys.secret_of(self.rooms.sealer, found), found.name, found.policy) if found else None

    async def _sweep(self) -> None:
        """Removes what has expired, now and then."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            try:
                await self.rooms.store.sweep(self.rooms.clock.now())
            except StorageError as error:
                log.warning("the sweep waits for the database", reason=str(error))
