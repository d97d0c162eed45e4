"""Groups of a pool and who belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from cognomen.storage.engine import Engine, Reader, Row, Tx
from cognomen.storage.errors import Missing
from cognomen.storage.users import User, user_of

_COLUMNS = "pool_id, name, description, role_arn, precedence, created_at, modified_at"
_QUALIFIED = ", ".join(f"g.{column}" for column in _COLUMNS.split(", "))

_ADD_MEMBER = "INSERT INTO group_members (pool_id, name, sub) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"


class Group(msgspec.Struct, frozen=True):
    pool_id: str
    name: str
    description: str | None
    role_arn: str | None
    precedence: int | None
    created_at: float
    modified_at: float


def _group(row: Row) -> Group:
    return Group(*row)


class Groups:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def get(self, pool_id: str, name: str, tx: Reader | None = None) -> Group | None:
        row = await (tx or self._engine).row(f"SELECT {_COLUMNS} FROM user_groups WHERE pool_id = $1 AND name = $2", pool_id, name)
        return _group(row) if row else None

    async def add(self, group: Group) -> None:
        """Raises Taken."""

        async def unit(tx: Tx) -> None:
            await tx.run(f"INSERT INTO user_groups ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)", *msgspec.structs.astuple(group))

        await self._engine.write(unit)

    async def change(self, pool_id: str, name: str, update: Callable[[Group], Group]) -> Group:
        """Raises Missing."""

        async def unit(tx: Tx) -> Group:
            before = await self.get(pool_id, name, tx)
            if before is None:
                raise Missing(name)
            after = update(before)
            await tx.run(
                "UPDATE user_groups SET description = $3, role_arn = $4, precedence = $5, modified_at = $6 WHERE pool_id = $1 AND name = $2",
                pool_id,
                name,
                after.description,
                after.role_arn,
                after.precedence,
                after.modified_at,
            )
            return after

        return await self._engine.write(unit)

    async def remove(self, pool_id: str, name: str) -> None:
        """Removes the group and its memberships. Raises Missing."""

        async def unit(tx: Tx) -> None:
            if not await tx.run("DELETE FROM user_groups WHERE pool_id = $1 AND name = $2", pool_id, name):
                raise Missing(name)
            await tx.run("DELETE FROM group_members WHERE pool_id = $1 AND name = $2", pool_id, name)

        await self._engine.write(unit)

    async def page(self, pool_id: str, after: str, limit: int) -> list[Group]:
        rows = await self._engine.rows(
            f"SELECT {_COLUMNS} FROM user_groups WHERE pool_id = $1 AND name > $2 ORDER BY name LIMIT $3", pool_id, after, limit
        )
        return [_group(row) for row in rows]

    async def add_member(self, pool_id: str, name: str, sub: str) -> None:
        """The user belongs to the group; nothing changes if so already. Raises Missing("group") or Missing("user")."""

        async def unit(tx: Tx) -> None:
            if await self.get(pool_id, name, tx) is None:
                raise Missing("group")
            if await tx.row("SELECT 1 FROM users WHERE pool_id = $1 AND sub = $2", pool_id, sub) is None:
                raise Missing("user")
            await tx.run(_ADD_MEMBER, pool_id, name, sub)

        await self._engine.write(unit)

    async def join(self, tx: Tx, group: Group, sub: str) -> None:
        """Within a unit: the user belongs to the group, which is made where there is none of its name."""
        await tx.run(
            f"INSERT INTO user_groups ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            *msgspec.structs.astuple(group),
        )
        await tx.run(_ADD_MEMBER, group.pool_id, group.name, sub)

    async def remove_member(self, pool_id: str, name: str, sub: str) -> None:
        async def unit(tx: Tx) -> None:
            await tx.run("DELETE FROM group_members WHERE pool_id = $1 AND name = $2 AND sub = $3", pool_id, name, sub)

        await self._engine.write(unit)

    async def of_user(self, pool_id: str, sub: str, after: str = "", limit: int = 1000) -> list[Group]:
        """The groups of one user, by name."""
        rows = await self._engine.rows(
            f"SELECT {_QUALIFIED} FROM group_members m JOIN user_groups g ON g.pool_id = m.pool_id AND g.name = m.name"
            " WHERE m.pool_id = $1 AND m.sub = $2 AND m.name > $3 ORDER BY m.name LIMIT $4",
            pool_id,
            sub,
            after,
            limit,
        )
        return [_group(row) for row in rows]

    async def members(self, pool_id: str, name: str, after: Sequence[str], limit: int) -> list[User]:
        """Users of one group ordered by sub; `after` is [] or [sub]."""
        rows = await self._engine.rows(
            "SELECT u.pool_id, u.sub, u.username, u.username_key, u.status, u.enabled, u.created_at, u.modified_at, u.attributes, u.credential,"
            " u.password_expires_at, u.signed_out_at, u.factors FROM group_members m JOIN users u ON u.pool_id = m.pool_id AND u.sub = m.sub"
            " WHERE m.pool_id = $1 AND m.name = $2 AND m.sub > $3 ORDER BY m.sub LIMIT $4",
            pool_id,
            name,
            after[0] if after else "",
            limit,
        )
        return [user_of(row) for row in rows]
