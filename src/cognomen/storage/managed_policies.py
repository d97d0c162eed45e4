"""Managed policies of an account, each with its versions: five at the most, so they are kept in one row. Those that AWS manages are every account's,
and in no row."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Final

import msgspec

from cognomen.policies import aws_managed
from cognomen.policies.aws_managed import AwsPolicy
from cognomen.storage.cache import ConfigCache
from cognomen.storage.engine import Engine, Reader, Tx
from cognomen.storage.errors import Missing, Taken


class Version(msgspec.Struct, frozen=True):
    document: str
    created_at: float


class ManagedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """`versions` by number; `default` is the one that counts, `last` the newest number that was ever given."""

    account: str
    name: str
    path: str
    policy_id: str
    arn: str
    created_at: float
    modified_at: float
    default: int
    last: int
    versions: dict[int, Version]
    description: str | None = None
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return key_of(self.arn)


def key_of(arn: str) -> str:
    """By what it is kept and attached: the name in lower case, which is one policy's in an account; AWS's have a colon, which no name has."""
    name = arn.rpartition("/")[2].lower()
    return f"{OF_AWS}{name}" if arn.startswith(aws_managed.PREFIX) else name


OF_AWS: Final = "aws:"


def _of_aws(policy: AwsPolicy) -> ManagedPolicy:
    digest = base64.b32encode(hashlib.sha256(policy.name.encode()).digest()).decode()
    return ManagedPolicy(
        account="aws",
        name=policy.name,
        path=policy.path,
        policy_id=f"ANPA{digest[:17]}",
        arn=policy.arn,
        created_at=policy.created_at,
        modified_at=policy.modified_at,
        default=policy.version,
        last=policy.version,
        versions={policy.version: Version(policy.document, policy.modified_at)},
        description=policy.description,
    )


AWS: Final = {policy.key: policy for policy in sorted(map(_of_aws, aws_managed.POLICIES), key=lambda policy: policy.key)}


class ManagedPolicies:
    def __init__(self, engine: Engine, cache: ConfigCache) -> None:
        self._engine = engine
        self._cache = cache

    async def get(self, account: str, arn: str, tx: Reader | None = None) -> ManagedPolicy | None:
        policy = await self.by_key(account, key_of(arn), tx)
        return policy if policy is not None and policy.arn == arn else None

    async def by_key(self, account: str, key: str, tx: Reader | None = None) -> ManagedPolicy | None:
        if key.startswith(OF_AWS):
            return AWS.get(key)
        row = await (tx or self._engine).row("SELECT body FROM managed_policies WHERE account = $1 AND name_key = $2", account, key)
        return msgspec.json.decode(row[0], type=ManagedPolicy) if row else None

    async def add(self, policy: ManagedPolicy) -> None:
        """Raises Taken."""

        async def unit(tx: Tx) -> None:
            await tx.run(
                "INSERT INTO managed_policies (account, name_key, created_at, body) VALUES ($1, $2, $3, $4)",
                policy.account,
                policy.key,
                policy.created_at,
                msgspec.json.encode(policy).decode(),
            )

        await self._engine.write(unit)

    async def change(self, account: str, arn: str, update: Callable[[ManagedPolicy], ManagedPolicy]) -> ManagedPolicy:
        """`update` may raise. Raises Missing, also for one of AWS's, which is nobody's to change."""

        async def unit(tx: Tx) -> ManagedPolicy:
            before = await self.get(account, arn, tx)
            if before is None or before.key in AWS:
                raise Missing("policy")
            after = update(before)
            await tx.run(
                "UPDATE managed_policies SET body = $3 WHERE account = $1 AND name_key = $2",
                account,
                before.key,
                msgspec.json.encode(after).decode(),
            )
            await self._engine.announce(tx)
            return after

        changed = await self._engine.write(unit)
        self._cache.clear()
        return changed

    async def remove(self, account: str, arn: str) -> None:
        """Raises Missing, Taken("attached") while a role has it, Taken("versions") while it has another than its default."""

        async def unit(tx: Tx) -> None:
            policy = await self.get(account, arn, tx)
            if policy is None or policy.key in AWS:
                raise Missing("policy")
            if await self.attachments(account, policy.key, tx) != (0, 0):
                raise Taken("attached")
            if len(policy.versions) > 1:
                raise Taken("versions")
            await tx.run("DELETE FROM managed_policies WHERE account = $1 AND name_key = $2", account, policy.key)

        await self._engine.write(unit)

    async def attachments(self, account: str, key: str, tx: Reader | None = None) -> tuple[int, int]:
        """How many roles have it attached, and how many as their boundary."""
        rows = await (tx or self._engine).rows(
            "SELECT kind, COUNT(*) FROM role_attachments WHERE account = $1 AND policy_key = $2 GROUP BY kind", account, key
        )
        counts = {row[0]: int(row[1]) for row in rows}
        return counts.get("attached", 0), counts.get("boundary", 0)

    async def page(self, account: str, after: str, limit: int) -> list[ManagedPolicy]:
        """The account's own."""
        rows = await self._engine.rows(
            "SELECT body FROM managed_policies WHERE account = $1 AND name_key > $2 ORDER BY name_key LIMIT $3", account, after, limit
        )
        return [msgspec.json.decode(row[0], type=ManagedPolicy) for row in rows]
