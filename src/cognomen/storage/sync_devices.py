"""Devices that are told when a dataset changes, and the datasets to which they subscribed. Tokens are sealed by whoever brings them."""

from __future__ import annotations

import msgspec

from cognomen.storage.engine import Engine, Reader, Row, Tx

_COLUMNS = "pool_id, identity_id, device_id, platform, application, endpoint, token, digest, created_at"
MOST = 100  # devices of an identity
_TABLES = ("sync_devices", "sync_subscriptions", "sync_notices")


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """`endpoint` is the ARN at SNS, empty where the platform itself is called. `token` is sealed, `digest` a keyed one."""

    pool_id: str
    identity_id: str
    device_id: str
    platform: str
    application: str
    endpoint: str
    token: bytes
    digest: bytes
    created_at: float


def _device(row: Row) -> Device:
    return Device(
        pool_id=row[0],
        identity_id=row[1],
        device_id=row[2],
        platform=row[3],
        application=row[4],
        endpoint=row[5],
        token=bytes(row[6]),
        digest=bytes(row[7]),
        created_at=row[8],
    )


class SyncDevices:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def get(self, pool_id: str, identity_id: str, device_id: str, tx: Reader | None = None) -> Device | None:
        row = await (tx or self._engine).row(
            f"SELECT {_COLUMNS} FROM sync_devices WHERE pool_id = $1 AND identity_id = $2 AND device_id = $3",
            pool_id,
            identity_id,
            device_id,
        )
        return _device(row) if row else None

    async def put(self, tx: Tx, device: Device) -> str:
        """Keeps a device, or what became of the one with the same token, whose id stays; returns the id. An identity has at most a hundred: the
        one that registered first makes room."""
        key = (device.pool_id, device.identity_id)
        row = await tx.row(
            "SELECT device_id FROM sync_devices WHERE pool_id = $1 AND identity_id = $2 AND digest = $3", *key, device.digest
        )
        if row is not None:
            await tx.run(
                "UPDATE sync_devices SET platform = $4, application = $5, endpoint = $6, token = $7, created_at = $8"
                " WHERE pool_id = $1 AND identity_id = $2 AND device_id = $3",
                *key,
                row[0],
                device.platform,
                device.application,
                device.endpoint,
                device.token,
                device.created_at,
            )
            return str(row[0])
        await _trim(tx, *key, MOST - 1)
        await tx.run(
            f"INSERT INTO sync_devices ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            *key,
            device.device_id,
            device.platform,
            device.application,
            device.endpoint,
            device.token,
            device.digest,
            device.created_at,
        )
        return device.device_id

    async def remove(self, tx: Tx, pool_id: str, identity_id: str, device_id: str) -> None:
        """With its subscriptions, and what it was still to be told."""
        await _remove(tx, pool_id, identity_id, device_id)

    async def subscribe(self, tx: Tx, pool_id: str, identity_id: str, name: str, device_id: str) -> None:
        await tx.run(
            "INSERT INTO sync_subscriptions (pool_id, identity_id, name, device_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            pool_id,
            identity_id,
            name,
            device_id,
        )

    async def unsubscribe(self, tx: Tx, pool_id: str, identity_id: str, name: str, device_id: str) -> None:
        for table in ("sync_subscriptions", "sync_notices"):
            await tx.run(
                f"DELETE FROM {table} WHERE pool_id = $1 AND identity_id = $2 AND name = $3 AND device_id = $4",
                pool_id,
                identity_id,
                name,
                device_id,
            )


async def carry_over(tx: Tx, pool_id: str, source: str, target: str) -> None:
    """Within the unit that merges `source` into `target`: its devices and subscriptions become the target's. What they were still to be told
    was of datasets that have another name now."""
    for row in await tx.rows("SELECT device_id, digest FROM sync_devices WHERE pool_id = $1 AND identity_id = $2", pool_id, source):
        twin = await tx.row(
            "SELECT device_id FROM sync_devices WHERE pool_id = $1 AND identity_id = $2 AND digest = $3", pool_id, target, row[1]
        )
        if twin is not None:
            # The same app on the same device: its id of later stays, and hears of what either subscribed to.
            await tx.run(
                "INSERT INTO sync_subscriptions (pool_id, identity_id, name, device_id)"
                " SELECT pool_id, $3, name, $4 FROM sync_subscriptions WHERE pool_id = $1 AND identity_id = $2 AND device_id = $5"
                " ON CONFLICT DO NOTHING",
                pool_id,
                source,
                target,
                twin[0],
                row[0],
            )
        else:
            for table in ("sync_devices", "sync_subscriptions"):
                await tx.run(
                    f"UPDATE {table} SET identity_id = $4 WHERE pool_id = $1 AND identity_id = $2 AND device_id = $3",
                    pool_id,
                    source,
                    row[0],
                    target,
                )
    await forget(tx, pool_id, source)
    await _trim(tx, pool_id, target, MOST)


async def _trim(tx: Tx, pool_id: str, identity_id: str, most: int) -> None:
    """Those that registered first make room."""
    present = await tx.rows(
        "SELECT device_id FROM sync_devices WHERE pool_id = $1 AND identity_id = $2 ORDER BY created_at DESC, device_id",
        pool_id,
        identity_id,
    )
    for each in present[most:]:
        await _remove(tx, pool_id, identity_id, each[0])


async def _remove(tx: Tx, pool_id: str, identity_id: str, device_id: str) -> None:
    for table in _TABLES:
        await tx.run(f"DELETE FROM {table} WHERE pool_id = $1 AND identity_id = $2 AND device_id = $3", pool_id, identity_id, device_id)


async def forget(tx: Tx, pool_id: str, identity_id: str) -> None:
    """Within the unit that removes an identity."""
    for table in _TABLES:
        await tx.run(f"DELETE FROM {table} WHERE pool_id = $1 AND identity_id = $2", pool_id, identity_id)
