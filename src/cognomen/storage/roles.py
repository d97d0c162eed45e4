"""Roles of an account: their trust, inline policies, attachments, and since when their credentials count."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cognomen.storage.cache import ConfigCache
from cognomen.storage.engine import Engine, Reader, Row, Tx
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.managed_policies import AWS, ManagedPolicy, key_of


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """`boundary` is the ARN of a managed policy; `tags` by key. Names are unique in any case."""

    account: str
    name: str
    path: str
    role_id: str
    trust: str
    created_at: float
    description: str | None = None
    max_session: int = 3600
    boundary: str | None = None
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:role{self.path}{self.name}"


class InlinePolicy(msgspec.Struct, frozen=True):
    name: str
    document: str


class Permissions(msgspec.Struct, frozen=True):
    """All that a role may: documents by the name under which a simulation shows them."""

    role: Role
    documents: tuple[tuple[str, str], ...]
    boundary: tuple[str, str] | None


def _role(row: Row) -> Role:
    return msgspec.json.decode(row[0], type=Role)


class Roles:
    def __init__(self, engine: Engine, cache: ConfigCache) -> None:
        self._engine = engine
        self._cache = cache

    async def get(self, account: str, name: str, tx: Reader | None = None) -> Role | None:
        row = await (tx or self._engine).row("SELECT body FROM roles WHERE account = $1 AND name_key = $2", account, name.lower())
        return _role(row) if row else None

    async def add(self, role: Role) -> None:
        """Raises Taken, and Missing("policy") for a boundary that is not there."""

        async def unit(tx: Tx) -> None:
            if await self.get(role.account, role.name, tx) is not None:
                raise Taken("role")
            await tx.run(
                "INSERT INTO roles (account, name_key, created_at, body) VALUES ($1, $2, $3, $4)",
                role.account,
                role.name.lower(),
                role.created_at,
                msgspec.json.encode(role).decode(),
            )
            if role.boundary is not None:
                await self._attach(tx, role, "boundary", role.boundary)
            await self._engine.announce(tx)

        await self._engine.write(unit)
        self._cache.clear()

    async def change(self, account: str, name: str, update: Callable[[Role], Role]) -> Role:
        """Raises Missing, with "policy" for a new boundary that is not there."""

        async def unit(tx: Tx) -> Role:
            before = await self._there(tx, account, name)
            after = update(before)
            await tx.run(
                "UPDATE roles SET body = $3 WHERE account = $1 AND name_key = $2",
                account,
                name.lower(),
                msgspec.json.encode(after).decode(),
            )
            if after.boundary != before.boundary:
                await tx.run(
                    "DELETE FROM role_attachments WHERE account = $1 AND role_key = $2 AND kind = 'boundary'", account, name.lower()
                )
                if after.boundary is not None:
                    await self._attach(tx, after, "boundary", after.boundary)
            await self._engine.announce(tx)
            return after

        changed = await self._engine.write(unit)
        self._cache.clear()
        return changed

    async def remove(self, account: str, name: str, now: float) -> None:
        """Its credentials end with it. Raises Missing, and Taken("policies") or Taken("attached") while it has policies."""

        async def unit(tx: Tx) -> None:
            role = await self._there(tx, account, name)
            key = name.lower()
            if await tx.row("SELECT 1 FROM role_attachments WHERE account = $1 AND role_key = $2 AND kind = 'attached'", account, key):
                raise Taken("attached")
            if await tx.row("SELECT 1 FROM role_policies WHERE account = $1 AND role_key = $2", account, key):
                raise Taken("policies")
            await tx.run("DELETE FROM role_attachments WHERE account = $1 AND role_key = $2", account, key)
            await tx.run("DELETE FROM roles WHERE account = $1 AND name_key = $2", account, key)
            await _revoke(tx, account, role.arn, now)
            await self._engine.announce(tx)

        await self._engine.write(unit)
        self._cache.clear()

    async def page(self, account: str, after: str, limit: int, prefix: str = "/") -> list[Role]:
        """Roles in order of their names. Of a path only the prefix is asked for, so pages are filled by several reads."""
        found: list[Role] = []
        while len(found) < limit:
            rows = await self._engine.rows(
                "SELECT body, name_key FROM roles WHERE account = $1 AND name_key > $2 ORDER BY name_key LIMIT $3", account, after, limit
            )
            found += [role for role in map(_role, rows) if role.path.startswith(prefix)]
            if len(rows) < limit:
                break
            after = rows[-1][1]
        return found[:limit]

    # Inline policies

    async def inline(self, account: str, name: str, tx: Reader | None = None) -> list[InlinePolicy]:
        rows = await (tx or self._engine).rows(
            "SELECT name, document FROM role_policies WHERE account = $1 AND role_key = $2 ORDER BY name LIMIT 10000", account, name.lower()
        )
        return [InlinePolicy(*row) for row in rows]

    async def put_inline(self, account: str, name: str, policy: InlinePolicy, check: Callable[[list[InlinePolicy]], None]) -> None:
        """`check` sees all that the role will have, and may raise. Raises Missing."""

        async def unit(tx: Tx) -> None:
            await self._there(tx, account, name)
            others = [other for other in await self.inline(account, name, tx) if other.name != policy.name]
            check([*others, policy])
            await tx.run(
                "INSERT INTO role_policies (account, role_key, name, document) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT (account, role_key, name) DO UPDATE SET document = excluded.document",
                account,
                name.lower(),
                policy.name,
                policy.document,
            )
            await self._engine.announce(tx)

        await self._engine.write(unit)
        self._cache.clear()

    async def remove_inline(self, account: str, name: str, policy: str) -> None:
        """Raises Missing("policy"), Missing of the role."""

        async def unit(tx: Tx) -> None:
            await self._there(tx, account, name)
            if not await tx.run(
                "DELETE FROM role_policies WHERE account = $1 AND role_key = $2 AND name = $3", account, name.lower(), policy
            ):
                raise Missing("policy")
            await self._engine.announce(tx)

        await self._engine.write(unit)
        self._cache.clear()

    # Attachments

    async def attach(self, account: str, name: str, policy_arn: str, most: int) -> None:
        """Nothing changes if it is so already. Raises Missing, Missing("policy"), and Taken("quota") beyond `most`."""

        async def unit(tx: Tx) -> None:
            role = await self._there(tx, account, name)
            held = await self.attached(account, name, tx)
            if len(held) >= most and key_of(policy_arn) not in held:
                raise Taken("quota")
            await self._attach(tx, role, "attached", policy_arn)
            await self._engine.announce(tx)

        await self._engine.write(unit)
        self._cache.clear()

    async def detach(self, account: str, name: str, policy_arn: str) -> None:
        """Raises Missing, Missing("policy")."""

        async def unit(tx: Tx) -> None:
            await self._there(tx, account, name)
            if not await tx.run(
                "DELETE FROM role_attachments WHERE account = $1 AND role_key = $2 AND kind = 'attached' AND policy_key = $3",
                account,
                name.lower(),
                key_of(policy_arn),
            ):
                raise Missing("policy")
            await self._engine.announce(tx)

        await self._engine.write(unit)
        self._cache.clear()

    async def attached(self, account: str, name: str, tx: Reader | None = None) -> list[str]:
        """Keys of the managed policies."""
        rows = await (tx or self._engine).rows(
            "SELECT policy_key FROM role_attachments WHERE account = $1 AND role_key = $2 AND kind = 'attached' ORDER BY policy_key LIMIT 1000",
            account,
            name.lower(),
        )
        return [row[0] for row in rows]

    async def with_policy(self, account: str, policy_key: str, kind: str, after: str, limit: int) -> list[Role]:
        rows = await self._engine.rows(
            "SELECT r.body FROM role_attachments a JOIN roles r ON r.account = a.account AND r.name_key = a.role_key"
            " WHERE a.account = $1 AND a.policy_key = $2 AND a.kind = $3 AND a.role_key > $4 ORDER BY a.role_key LIMIT $5",
            account,
            policy_key,
            kind,
            after,
            limit,
        )
        return [_role(row) for row in rows]

    async def _attach(self, tx: Tx, role: Role, kind: str, policy_arn: str) -> None:
        key = key_of(policy_arn)
        if key in AWS:
            found = AWS[key].arn
        else:
            row = await tx.row("SELECT body FROM managed_policies WHERE account = $1 AND name_key = $2", role.account, key)
            found = msgspec.json.decode(row[0])["arn"] if row else ""
        if found != policy_arn:
            raise Missing("policy")
        await tx.run(
            "INSERT INTO role_attachments (account, role_key, kind, policy_key) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            role.account,
            role.name.lower(),
            kind,
            key,
        )

    async def _there(self, tx: Tx, account: str, name: str) -> Role:
        role = await self.get(account, name, tx)
        if role is None:
            raise Missing("role")
        return role

    # What a session of the role may, and since when

    async def permissions(self, role_arn: str) -> Permissions | None:
        """Kept in memory until something of roles or policies changes; None where the role is not there (any more)."""
        key = ("role_permissions", role_arn)
        kept: Permissions | None = self._cache.found(key)
        return kept or await self._cache.get(key, lambda: self._permissions(role_arn))

    async def _permissions(self, role_arn: str) -> Permissions | None:
        account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
        role = await self.get(account, name)
        if role is None or role.arn != role_arn:
            return None
        rows = await self._engine.rows(
            "SELECT a.kind, a.policy_key, p.body FROM role_attachments a"
            " LEFT JOIN managed_policies p ON p.account = a.account AND p.name_key = a.policy_key"
            " WHERE a.account = $1 AND a.role_key = $2 ORDER BY a.kind, a.policy_key LIMIT 1000",
            account,
            name.lower(),
        )
        # One of AWS's that this release does not know is an error, and permits nothing: it may be a boundary.
        managed = [(kind, msgspec.json.decode(body, type=ManagedPolicy) if body is not None else AWS[key]) for kind, key, body in rows]
        current = [(kind, policy.name, policy.versions[policy.default].document) for kind, policy in managed]
        inline = [(policy.name, policy.document) for policy in await self.inline(account, name)]
        boundary = next(((name, document) for kind, name, document in current if kind == "boundary"), None)
        attached = [(name, document) for kind, name, document in current if kind == "attached"]
        return Permissions(role, (*inline, *attached), boundary)

    async def revoked_before(self, role_arn: str) -> float:
        """Zero where nothing was revoked."""
        key = ("role_revocation", role_arn)
        kept: float | None = self._cache.found(key)
        return kept if kept is not None else await self._cache.get(key, lambda: self._revoked_before(role_arn)) or 0.0

    async def _revoked_before(self, role_arn: str) -> float:
        row = await self._engine.row(
            "SELECT revoked_before FROM role_revocations WHERE account = $1 AND role_arn = $2", role_arn.split(":")[4], role_arn
        )
        return float(row[0]) if row else 0.0

    async def revoke(self, role_arn: str, now: float) -> None:
        """Ends all credentials of the role that were issued before `now`."""

        async def unit(tx: Tx) -> None:
            await _revoke(tx, role_arn.split(":")[4], role_arn, now)
            await self._engine.announce(tx)

        await self._engine.write(unit)
        self._cache.clear()


async def _revoke(tx: Tx, account: str, role_arn: str, now: float) -> None:
    await tx.run(
        "INSERT INTO role_revocations (account, role_arn, revoked_before) VALUES ($1, $2, $3)"
        " ON CONFLICT (account, role_arn) DO UPDATE SET revoked_before = excluded.revoked_before",
        account,
        role_arn,
        now,
    )
