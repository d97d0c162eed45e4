"""Users: found by sub, user name or alias; listed in pages by any searchable attribute; changed by read-modify-write in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, cast

import msgspec

from cognomen.api import idp
from cognomen.storage.engine import Engine, Reader, Row, Tx
from cognomen.storage.errors import Missing, Taken

# Attributes that ListUsers may search, beside username, sub, status and enabled: attribute -> column of its folded value.
SEARCHED = {
    "email": "email_key",
    "phone_number": "phone_key",
    "name": "name_key",
    "given_name": "given_name_key",
    "family_name": "family_name_key",
    "preferred_username": "preferred_username_key",
}
COLUMNS = "pool_id, sub, username, username_key, status, enabled, created_at, modified_at, attributes, credential, password_expires_at, signed_out_at, factors"
# `listed` is the user as a list shows it, ready for the wire: sixty are read at a time, and taking them apart to put them together again
# would take longer than reading them.
_ALL = f"{COLUMNS}, listed, {', '.join(SEARCHED.values())}"
_INSERT = f"INSERT INTO users ({_ALL}) VALUES ({', '.join(f'${n}' for n in range(1, 21))})"
_UPDATE = (
    "UPDATE users SET "
    + ", ".join(f"{name} = ${n}" for n, name in enumerate(_ALL.split(", ")[2:], start=3))
    + " WHERE pool_id = $1 AND sub = $2"
)
_BY_SUB = f"SELECT {COLUMNS} FROM users WHERE pool_id = $1 AND sub = $2"
# Every name leads to one user: a user name, a sub, or a preferred user name.
_CROSSED = (
    "SELECT 1 FROM users WHERE pool_id = $1 AND sub = $2 UNION ALL SELECT 1 FROM users WHERE pool_id = $1 AND username_key = $3"
    " UNION ALL SELECT 1 FROM aliases WHERE pool_id = $1 AND attribute = 'preferred_username' AND value = $2"
)
_STANDING = "SELECT enabled, credential, signed_out_at FROM users WHERE pool_id = $1 AND sub = $2"
_BY_NAME = f"SELECT {COLUMNS} FROM users WHERE pool_id = $1 AND username_key = $2"
IN_GROUPS = "EXISTS(SELECT 1 FROM group_members m WHERE m.pool_id = {0}.pool_id AND m.sub = {0}.sub)"
_BY_NAME_WITH_GROUPS = f"SELECT {COLUMNS}, {IN_GROUPS.format('users')} FROM users WHERE pool_id = $1 AND username_key = $2"
_BY_ALIAS = f"SELECT {COLUMNS} FROM users WHERE pool_id = $1 AND sub = (SELECT sub FROM aliases WHERE pool_id = $1 AND attribute = $2 AND value = $3)"
_INSERT_ALIAS = "INSERT INTO aliases (pool_id, attribute, value, sub) VALUES ($1, $2, $3, $4)"
_COUNT = (
    "INSERT INTO user_counts (pool_id, shard, users) VALUES ($1, $2, $3)"
    " ON CONFLICT (pool_id, shard) DO UPDATE SET users = user_counts.users + excluded.users"
)
_LAST = "\U0010ffff"  # the highest character: nothing that begins with a prefix sorts after prefix + this
_decode = msgspec.json.Decoder(list[idp.AttributeType]).decode
_encode = msgspec.json.Encoder().encode


def fold(value: str) -> str:
    """The form under which names and addresses are compared where case does not count."""
    return value.lower()


class User(msgspec.Struct, frozen=True, kw_only=True):
    """One user. `attributes_json` is the AWS list `[{"Name", "Value"}, ...]` with `sub` first, ready for the wire.

    `credential` holds SRP salt and verifier, sealed; None for a user without a password. `password_expires_at` is set while the
    password is a temporary one. Access tokens of before `signed_out_at` are revoked. `factors` is JSON of what the user proves beside a
    password, sealed where it is secret; None for a user who never set anything up. `in_groups` is False where a read found that the user is in
    none, so that nobody need ask again.
    """

    pool_id: str
    sub: str
    username: str
    username_key: str
    status: str
    enabled: bool = True
    created_at: float
    modified_at: float
    attributes_json: str
    credential: bytes | None = None
    password_expires_at: float | None = None
    signed_out_at: float | None = None
    factors: str | None = None
    in_groups: bool = True

    @property
    def attributes(self) -> dict[str, str]:
        """Name -> value, without `sub`; a new dict on each call."""
        found = {item.name: item.value or "" for item in _decode(self.attributes_json)}
        found.pop("sub", None)
        return found

    def with_attributes(self, attributes: Mapping[str, str]) -> User:
        return msgspec.structs.replace(self, attributes_json=attributes_json(self.sub, attributes))


class Standing(NamedTuple):
    """What others may change of a user while a sign-in goes on."""

    enabled: bool
    credential: bytes | None
    signed_out_at: float | None


Listed = tuple[str, str]
"""A user in a page of a list: sub, and AWS's UserType as JSON."""


Newcomer = tuple[User, Mapping[str, str]]
"""A user to add, and the aliases (attribute -> value as it is sought) that are theirs at once."""


def listed_json(user: User) -> str:
    """AWS's UserType, as it is stored and sent."""
    shown = {
        "Username": user.username,
        "Attributes": msgspec.Raw(user.attributes_json),
        "UserCreateDate": user.created_at,
        "UserLastModifiedDate": user.modified_at,
        "Enabled": user.enabled,
        "UserStatus": user.status,
    }
    return _encode(shown).decode()


def attributes_json(sub: str, attributes: Mapping[str, str]) -> str:
    """The stored and sent form of a user's attributes."""
    pairs = [{"Name": "sub", "Value": sub}, *({"Name": name, "Value": value} for name, value in attributes.items())]
    return _encode(pairs).decode()


def user_of(row: Row) -> User:
    return User(
        pool_id=row[0],
        sub=row[1],
        username=row[2],
        username_key=row[3],
        status=row[4],
        enabled=bool(row[5]),
        created_at=row[6],
        modified_at=row[7],
        attributes_json=row[8],
        credential=row[9],
        password_expires_at=row[10],
        signed_out_at=row[11],
        factors=row[12],
        in_groups=len(row) < 14 or bool(row[13]),
    )


def _values(user: User) -> tuple[object, ...]:
    attributes = user.attributes
    folded = (attributes.get(name) for name in SEARCHED)
    return (
        user.pool_id,
        user.sub,
        user.username,
        user.username_key,
        user.status,
        int(user.enabled),
        user.created_at,
        user.modified_at,
        user.attributes_json,
        user.credential,
        user.password_expires_at,
        user.signed_out_at,
        user.factors,
        listed_json(user),
        *(None if value is None else _storable(fold(value)) for value in folded),
    )


def _storable(value: str) -> str:
    """PostgreSQL text cannot hold NUL; a search for it finds nothing either way."""
    return value.replace("\0", "")


class Users:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def by_sub(self, pool_id: str, sub: str, tx: Reader | None = None) -> User | None:
        row = await (tx or self._engine).row(_BY_SUB, pool_id, sub)
        return user_of(row) if row else None

    async def standing(self, tx: Tx, user: User) -> Standing | None:
        """Within a unit: whether and how the user may still act; None when they are gone."""
        row = await tx.row(_STANDING, user.pool_id, user.sub)
        return Standing(bool(row[0]), row[1], row[2]) if row else None

    async def by_username(self, pool_id: str, username_key: str, tx: Reader | None = None, *, with_groups: bool = False) -> User | None:
        """`with_groups` looks in the same read whether the user is in any."""
        row = await (tx or self._engine).row(_BY_NAME_WITH_GROUPS if with_groups else _BY_NAME, pool_id, username_key)
        return user_of(row) if row else None

    async def by_alias(self, pool_id: str, attribute: str, value: str, tx: Reader | None = None) -> User | None:
        """The user who owns `value` as an alias (or as the user name, in a pool with username attributes)."""
        row = await (tx or self._engine).row(_BY_ALIAS, pool_id, attribute, _storable(value))
        return user_of(row) if row else None

    async def add(self, tx: Tx, user: User) -> None:
        """Raises Taken when the user name or the sub is in use, as the one or the other or as a preferred user name, Missing when the pool is gone:
        its removal must find no late comer."""
        if await tx.row("SELECT 1 FROM pools WHERE pool_id = $1 AND state = 'active'", user.pool_id) is None:
            raise Missing(user.pool_id)
        if await tx.row(_CROSSED, user.pool_id, user.username_key, user.sub) is not None:
            raise Taken("users.username")
        await tx.run(_INSERT, *_values(user))
        await self._count(tx, user, 1)

    async def add_many(self, tx: Tx, pool_id: str, newcomers: Sequence[Newcomer]) -> list[str | None]:
        """Adds those whose name, sub and aliases are free, in order, as `add` and `claim_alias` would. For each: None when added, else what
        was taken: "username" or an alias attribute. Raises Missing when the pool is gone."""
        if await tx.row("SELECT 1 FROM pools WHERE pool_id = $1 AND state = 'active'", pool_id) is None:
            raise Missing(pool_id)
        names = {user.username_key for user, _ in newcomers}
        taken = await self._present(tx, "SELECT username_key FROM users WHERE pool_id = $1 AND username_key", (pool_id,), names)
        taken |= await self._present(tx, "SELECT sub FROM users WHERE pool_id = $1 AND sub", (pool_id,), names)
        taken |= await self._present(
            tx, "SELECT value FROM aliases WHERE pool_id = $1 AND attribute = 'preferred_username' AND value", (pool_id,), names
        )
        owned: dict[str, set[str]] = {}
        for attribute in {attribute for _, aliases in newcomers for attribute in aliases}:
            values = {_storable(aliases[attribute]) for _, aliases in newcomers if attribute in aliases}
            sql = "SELECT value FROM aliases WHERE pool_id = $1 AND attribute = $2 AND value"
            owned[attribute] = await self._present(tx, sql, (pool_id, attribute), values)
        results: list[str | None] = []
        shards: dict[str, int] = {}
        for user, aliases in newcomers:
            conflict = "username" if user.username_key in taken else None
            conflict = conflict or next((name for name, value in aliases.items() if _storable(value) in owned[name]), None)
            results.append(conflict)
            if conflict is not None:
                continue
            taken.add(user.username_key)
            await tx.run(_INSERT, *_values(user))
            for attribute, value in aliases.items():
                owned[attribute].add(_storable(value))
                await tx.run(_INSERT_ALIAS, pool_id, attribute, _storable(value), user.sub)
            shards[user.sub[-1]] = shards.get(user.sub[-1], 0) + 1
        for shard, count in sorted(shards.items()):  # in one order, so that two imports do not wait for each other crosswise
            await tx.run(_COUNT, pool_id, shard, count)
        return results

    async def _present(self, tx: Tx, sql: str, args: tuple[str, ...], values: set[str]) -> set[str]:
        """Which of the values `sql`, asked with IN, finds."""
        if not values:
            return set()
        places = ", ".join(f"${n}" for n in range(len(args) + 1, len(args) + len(values) + 1))
        return {row[0] for row in await tx.rows(f"{sql} IN ({places})", *args, *values)}

    async def remove(self, tx: Tx, user: User) -> None:
        """Removes the user and everything that is theirs. Raises Missing."""
        if not await tx.run("DELETE FROM users WHERE pool_id = $1 AND sub = $2", user.pool_id, user.sub):
            raise Missing(user.sub)
        await tx.run(
            "DELETE FROM rotated_refresh_tokens WHERE pool_id = $1 AND origin_jti IN (SELECT origin_jti FROM sessions WHERE pool_id = $1 AND sub = $2)",
            user.pool_id,
            user.sub,
        )
        for table in (
            "aliases",
            "password_history",
            "group_members",
            "sessions",
            "sso_sessions",
            "devices",
            "codes",
            "passkeys",
            "auth_events",
            "risk_profiles",
            "federated_identities",
        ):
            await tx.run(f"DELETE FROM {table} WHERE pool_id = $1 AND sub = $2", user.pool_id, user.sub)
        await tx.run("DELETE FROM attempts WHERE pool_id = $1 AND subject = $2", user.pool_id, user.sub)
        await self._count(tx, user, -1)

    async def change(self, tx: Tx, pool_id: str, sub: str, update: Callable[[User], User]) -> User:
        """Reads, updates and writes within `tx`. Raises Missing, and what `update` raises."""
        before = await self.by_sub(pool_id, sub, tx)
        if before is None:
            raise Missing(sub)
        after = update(before)
        await tx.run(_UPDATE, *_values(after))
        return after

    async def claim_alias(self, tx: Tx, user: User, attribute: str, value: str) -> str | None:
        """Makes `value` lead to this user; returns the sub of the user whom it led to before, if another."""
        row = await tx.row(
            "SELECT sub FROM aliases WHERE pool_id = $1 AND attribute = $2 AND value = $3", user.pool_id, attribute, _storable(value)
        )
        if row is None:
            await tx.run(_INSERT_ALIAS, user.pool_id, attribute, _storable(value), user.sub)
            return None
        if row[0] == user.sub:
            return None
        await tx.run(
            "UPDATE aliases SET sub = $4 WHERE pool_id = $1 AND attribute = $2 AND value = $3",
            user.pool_id,
            attribute,
            _storable(value),
            user.sub,
        )
        return str(row[0])

    async def aliases_of(self, tx: Tx, user: User) -> list[str]:
        """The attributes by whose values the user can be found."""
        rows = await tx.rows("SELECT attribute FROM aliases WHERE pool_id = $1 AND sub = $2", user.pool_id, user.sub)
        return [row[0] for row in rows]

    async def drop_alias(self, tx: Tx, user: User, attribute: str) -> None:
        """This user's aliases of one attribute lead nowhere any more."""
        await tx.run("DELETE FROM aliases WHERE pool_id = $1 AND sub = $2 AND attribute = $3", user.pool_id, user.sub, attribute)

    async def page(self, pool_id: str, after: Sequence[str], limit: int) -> Sequence[Listed]:
        """Users ordered by sub; `after` is [] or [sub of the last one seen]."""
        query = "SELECT sub, listed FROM users WHERE pool_id = $1 AND sub > $2 ORDER BY sub LIMIT $3"
        return cast("Sequence[Listed]", await self._engine.rows(query, pool_id, after[0] if after else "", limit))

    async def page_equal(self, pool_id: str, column: str, value: str | int, after: Sequence[str], limit: int) -> Sequence[Listed]:
        """Users whose `column` (see SEARCHED, or username_key, sub, status, enabled) is `value`, ordered by sub."""
        rows = await self._engine.rows(
            f"SELECT sub, listed FROM users WHERE pool_id = $1 AND {column} = $2 AND sub > $3 ORDER BY sub LIMIT $4",
            pool_id,
            value if isinstance(value, int) else _storable(value),
            after[0] if after else "",
            limit,
        )
        return cast("Sequence[Listed]", rows)

    async def page_beginning(self, pool_id: str, column: str, prefix: str, after: Sequence[str], limit: int) -> list[tuple[str, Listed]]:
        """(value, user) of those whose `column` begins with `prefix`, ordered by value and sub; `after` is [] or [value, sub]."""
        prefix = _storable(prefix)
        value, sub = (after[0], after[1]) if after else (prefix, "")
        rows = await self._engine.rows(
            f"SELECT sub, listed, {column} FROM users WHERE pool_id = $1 AND {column} >= $2 AND {column} < $3 AND ({column}, sub) > ($4, $5)"
            f" ORDER BY {column}, sub LIMIT $6",
            pool_id,
            prefix,
            prefix + _LAST,
            value,
            sub,
            limit,
        )
        return [(row[2], (row[0], row[1])) for row in rows]

    async def estimate(self, pool_id: str) -> int:
        row = await self._engine.row("SELECT CAST(coalesce(sum(users), 0) AS BIGINT) FROM user_counts WHERE pool_id = $1", pool_id)
        return int(row[0]) if row else 0

    async def _count(self, tx: Tx, user: User, change: int) -> None:
        await tx.run(_COUNT, user.pool_id, user.sub[-1], change)

    async def past_credentials(self, tx: Reader, pool_id: str, sub: str, most: int) -> list[bytes]:
        """The user's last `most` sealed credentials before the present one, newest first."""
        rows = await tx.rows(
            "SELECT credential FROM password_history WHERE pool_id = $1 AND sub = $2 ORDER BY changed_at DESC LIMIT $3", pool_id, sub, most
        )
        return [row[0] for row in rows]

    async def remember_credential(self, tx: Tx, user: User, now: float, most: int) -> None:
        """Keeps the present credential as a past one, and of the past ones the last `most`."""
        if user.credential is not None:
            await tx.run(
                "INSERT INTO password_history (pool_id, sub, changed_at, credential) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT (pool_id, sub, changed_at) DO UPDATE SET credential = excluded.credential",
                user.pool_id,
                user.sub,
                now,
                user.credential,
            )
        await tx.run(
            "DELETE FROM password_history WHERE pool_id = $1 AND sub = $2 AND changed_at NOT IN"
            " (SELECT changed_at FROM password_history WHERE pool_id = $1 AND sub = $2 ORDER BY changed_at DESC LIMIT $3)",
            user.pool_id,
            user.sub,
            most,
        )
