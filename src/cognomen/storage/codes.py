"""What is short-lived: codes that were sent (as digests), attempts that are limited, marks of what may be used once."""

from __future__ import annotations

import msgspec

from cognomen.storage.engine import Engine, Reader, Tx


class Code(msgspec.Struct, frozen=True):
    """A code as it can be checked. One per user and purpose: a new one replaces the old. `value` is what it proves or will set."""

    pool_id: str
    sub: str
    purpose: str
    digest: bytes
    attribute: str
    value: str
    expires_at: float


class Attempts(msgspec.Struct, frozen=True):
    failures: int
    last_at: float


class Codes:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def put(self, tx: Tx, code: Code) -> None:
        await tx.run(
            "INSERT INTO codes (pool_id, sub, purpose, digest, attribute, value, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)"
            " ON CONFLICT (pool_id, sub, purpose) DO UPDATE SET digest = excluded.digest, attribute = excluded.attribute,"
            " value = excluded.value, expires_at = excluded.expires_at",
            *msgspec.structs.astuple(code),
        )

    async def get(self, pool_id: str, sub: str, purpose: str, tx: Reader | None = None) -> Code | None:
        row = await (tx or self._engine).row(
            "SELECT pool_id, sub, purpose, digest, attribute, value, expires_at FROM codes WHERE pool_id = $1 AND sub = $2 AND purpose = $3",
            pool_id,
            sub,
            purpose,
        )
        return Code(*row) if row else None

    async def spend(self, tx: Tx, code: Code) -> bool:
        """Uses the code up; False when it was used or replaced meanwhile."""
        return bool(
            await tx.run(
                "DELETE FROM codes WHERE pool_id = $1 AND sub = $2 AND purpose = $3 AND digest = $4",
                code.pool_id,
                code.sub,
                code.purpose,
                code.digest,
            )
        )

    async def drop(self, tx: Tx, pool_id: str, sub: str, purpose: str) -> None:
        await tx.run("DELETE FROM codes WHERE pool_id = $1 AND sub = $2 AND purpose = $3", pool_id, sub, purpose)


class AttemptCounts:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def get(self, pool_id: str, subject: str, kind: str, now: float, tx: Reader | None = None) -> Attempts:
        row = await (tx or self._engine).row(
            "SELECT failures, last_at FROM attempts WHERE pool_id = $1 AND subject = $2 AND kind = $3 AND expires_at > $4",
            pool_id,
            subject,
            kind,
            now,
        )
        return Attempts(*row) if row else Attempts(0, 0.0)

    async def add(self, tx: Tx, pool_id: str, subject: str, kind: str, now: float, forget_after: float) -> int:
        """Counts one more; the count starts again once `forget_after` seconds passed without one. Returns the count."""
        before = await self.get(pool_id, subject, kind, now, tx)
        await tx.run(
            "INSERT INTO attempts (pool_id, subject, kind, failures, last_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)"
            " ON CONFLICT (pool_id, subject, kind) DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at, expires_at = excluded.expires_at",
            pool_id,
            subject,
            kind,
            before.failures + 1,
            now,
            now + forget_after,
        )
        return before.failures + 1

    async def reset(self, tx: Tx, pool_id: str, subject: str, kind: str) -> None:
        await tx.run("DELETE FROM attempts WHERE pool_id = $1 AND subject = $2 AND kind = $3", pool_id, subject, kind)


class UsedMarks:
    async def add(self, tx: Tx, pool_id: str, mark: bytes, expires_at: float) -> bool:
        """Marks as used; False when it was used before."""
        added = await tx.run(
            "INSERT INTO used_marks (pool_id, mark, expires_at) VALUES ($1, $2, $3) ON CONFLICT (pool_id, mark) DO NOTHING",
            pool_id,
            mark,
            expires_at,
        )
        return bool(added)
