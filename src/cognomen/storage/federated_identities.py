"""Who at a provider is which user of a pool: one row for each identity, found by the provider's own id for them, or by an attribute until then."""

from __future__ import annotations

import msgspec

from cognomen.storage.engine import Engine, Reader, Row, Tx
from cognomen.storage.errors import Taken

SUBJECT = "Cognito_Subject"  # AWS's name for the provider's own id of a user
_COLUMNS = "pool_id, provider, attribute, value, sub, own, kind, issuer, created_at"


class FederatedIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """`own` is True for the identity from which the profile was made, False for one that an administrator linked."""

    pool_id: str
    provider: str
    attribute: str
    value: str
    sub: str
    own: bool
    kind: str
    issuer: str | None = None
    created_at: float


def _identity(row: Row) -> FederatedIdentity:
    return FederatedIdentity(
        pool_id=row[0],
        provider=row[1],
        attribute=row[2],
        value=row[3],
        sub=row[4],
        own=bool(row[5]),
        kind=row[6],
        issuer=row[7],
        created_at=row[8],
    )


class FederatedIdentities:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def find(self, pool_id: str, provider: str, attribute: str, value: str, tx: Reader | None = None) -> FederatedIdentity | None:
        row = await (tx or self._engine).row(
            f"SELECT {_COLUMNS} FROM federated_identities WHERE pool_id = $1 AND provider = $2 AND attribute = $3 AND value = $4",
            pool_id,
            provider,
            attribute,
            value,
        )
        return _identity(row) if row else None

    async def of_user(self, pool_id: str, sub: str, tx: Reader | None = None) -> list[FederatedIdentity]:
        """In the order in which they were made; there are six at the most."""
        rows = await (tx or self._engine).rows(
            f"SELECT {_COLUMNS} FROM federated_identities WHERE pool_id = $1 AND sub = $2 ORDER BY created_at, provider, value",
            pool_id,
            sub,
        )
        return [_identity(row) for row in rows]

    async def add(self, tx: Tx, identity: FederatedIdentity) -> None:
        """Raises Taken when the identity is somebody's already."""
        if await self.find(identity.pool_id, identity.provider, identity.attribute, identity.value, tx) is not None:
            raise Taken("federated_identities")
        await tx.run(
            f"INSERT INTO federated_identities ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            identity.pool_id,
            identity.provider,
            identity.attribute,
            identity.value,
            identity.sub,
            int(identity.own),
            identity.kind,
            identity.issuer,
            identity.created_at,
        )

    async def remove(self, tx: Tx, identity: FederatedIdentity) -> bool:
        """False when it was gone already."""
        removed = await tx.run(
            "DELETE FROM federated_identities WHERE pool_id = $1 AND provider = $2 AND attribute = $3 AND value = $4 AND sub = $5",
            identity.pool_id,
            identity.provider,
            identity.attribute,
            identity.value,
            identity.sub,
        )
        return bool(removed)
