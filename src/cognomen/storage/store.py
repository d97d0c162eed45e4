"""All of storage in one value: what an operation finds at `cx.store`."""

from __future__ import annotations

from typing import TypeVar

from cognomen.storage.authorization_codes import AuthorizationCodes
from cognomen.storage.branding import Branding
from cognomen.storage.cache import ConfigCache
from cognomen.storage.clients import Clients
from cognomen.storage.codes import AttemptCounts, Codes, UsedMarks
from cognomen.storage.datasets import Datasets
from cognomen.storage.devices import Devices
from cognomen.storage.domains import Domains
from cognomen.storage.engine import Engine, Tx, Unit
from cognomen.storage.federated_identities import FederatedIdentities
from cognomen.storage.groups import Groups
from cognomen.storage.identities import Identities
from cognomen.storage.identity_pools import IdentityPools
from cognomen.storage.identity_providers import IdentityProviders
from cognomen.storage.imports import ImportJobs
from cognomen.storage.inbox import Inbox
from cognomen.storage.keys import AccessKeys, SigningKeyRows
from cognomen.storage.limits import ProvisionedLimits
from cognomen.storage.logs import LogQueues
from cognomen.storage.managed_policies import ManagedPolicies
from cognomen.storage.openid_providers import OpenIdProviders
from cognomen.storage.passkeys import Passkeys
from cognomen.storage.pools import Pools
from cognomen.storage.resource_servers import ResourceServers
from cognomen.storage.risk import AuthEvents, RiskConfigurations, RiskProfiles
from cognomen.storage.roles import Roles
from cognomen.storage.saml_providers import SamlProviders
from cognomen.storage.sessions import Sessions
from cognomen.storage.sso_sessions import SsoSessions
from cognomen.storage.sync_bulk import SyncBulks
from cognomen.storage.sync_devices import SyncDevices
from cognomen.storage.sync_notices import SyncNotices
from cognomen.storage.sync_outbox import SyncOutbox
from cognomen.storage.sync_sessions import SyncSessions
from cognomen.storage.sync_settings import AllSyncSettings
from cognomen.storage.terms import AllTerms
from cognomen.storage.users import Users

T = TypeVar("T")
_EXPIRING = (
    "sessions",
    "sso_sessions",
    "authorization_codes",
    "rotated_refresh_tokens",
    "codes",
    "attempts",
    "used_marks",
    "auth_events",
    "sync_payloads",
)


class Store:
    """`write` runs a unit of work; the aggregates' methods that take `tx` belong inside one, the others are one by themselves."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        cache = ConfigCache(engine)
        self.pools = Pools(engine, cache)
        self.clients = Clients(engine, cache)
        self.users = Users(engine)
        self.groups = Groups(engine)
        self.domains = Domains(engine, cache)
        self.branding = Branding(engine, cache)
        self.terms = AllTerms(engine, cache)
        self.resource_servers = ResourceServers(engine, cache)
        self.identity_providers = IdentityProviders(engine, cache)
        self.federated_identities = FederatedIdentities(engine)
        self.sessions = Sessions(engine)
        self.sso_sessions = SsoSessions(engine)
        self.authorization_codes = AuthorizationCodes(engine)
        self.passkeys = Passkeys(engine)
        self.devices = Devices(engine)
        self.codes = Codes(engine)
        self.attempts = AttemptCounts(engine)
        self.used_marks = UsedMarks()
        self.signing_keys = SigningKeyRows(engine)
        self.access_keys = AccessKeys(engine, cache)
        self.inbox = Inbox(engine)
        self.logs = LogQueues(engine)
        self.imports = ImportJobs(engine)
        self.limits = ProvisionedLimits(engine, cache)
        self.risk_configurations = RiskConfigurations(engine, cache)
        self.auth_events = AuthEvents(engine)
        self.risk_profiles = RiskProfiles(engine)
        self.roles = Roles(engine, cache)
        self.openid_providers = OpenIdProviders(engine, cache)
        self.saml_providers = SamlProviders(engine, cache)
        self.managed_policies = ManagedPolicies(engine, cache)
        self.datasets = Datasets(engine)
        self.sync_settings = AllSyncSettings(engine, cache)
        self.sync_devices = SyncDevices(engine)
        self.sync_notices = SyncNotices(engine)
        self.sync_sessions = SyncSessions(engine)
        self.sync_outbox = SyncOutbox(engine)
        self.sync_bulk = SyncBulks(engine)
        self.identity_pools = IdentityPools(engine, cache)
        self.identities = Identities(engine)

    async def write(self, unit: Unit[T], *, large: bool = False) -> T:
        """All of the unit's writes, durably, or none; `large` where there are more than some dozens. Raises what the unit raises, and Unavailable."""
        return await self.engine.write(unit, large=large)

    async def check(self) -> None:
        """Raises Unavailable when the database does not answer."""
        await self.engine.row("SELECT 1")

    async def sweep(self, now: float) -> None:
        """Removes what has expired."""
        for table in _EXPIRING:
            # An access token, good for a day at most, may outlive its session's refresh token.
            before = now - 86_400.0 if table == "sessions" else now

            async def unit(tx: Tx, table: str = table, before: float = before) -> None:
                await tx.run(f"DELETE FROM {table} WHERE expires_at < $1", before)

            await self.engine.write(unit, large=True)
