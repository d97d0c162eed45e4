"""ListUsers: pages of all users, or of those whom a filter finds, read by key and never counted off."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import cast

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.storage.pools import Pool
from cognomen.storage.users import Listed
from cognomen.userpools import find, pages
from cognomen.userpools.rules import filters, schema


@op
async def list_users(cx: Context, request: idp.ListUsersRequest) -> idp.ListUsersResponse:
    pool = await find.pool(cx, request.user_pool_id)
    sought = filters.parse(pool, request.filter) if request.filter is not None else None
    wanted = _wanted(pool, request.attributes_to_get)
    limit = request.limit or pages.MOST
    after = pages.position(cx, _bound(request), request.pagination_token) if request.pagination_token is not None else []
    users, position = await _page(cx, pool, sought, after, limit)
    return idp.ListUsersResponse(
        users=_shown(users, wanted),
        pagination_token=cx.pager.token(_bound(request), position) if position else None,
    )


async def _page(cx: Context, pool: Pool, sought: filters.Filter | None, after: list[str], limit: int) -> tuple[Sequence[Listed], list[str]]:
    """A page, and where the next one begins; one user more is read than shown, to know whether there is a next one."""
    users = cx.store.users
    if sought is None:
        found = await users.page(pool.pool_id, after, limit + 1)
    elif sought.value is None:
        return [], []
    elif sought.prefix:
        pairs = await users.page_beginning(pool.pool_id, sought.column, str(sought.value), after, limit + 1)
        position = [pairs[limit - 1][0], pairs[limit - 1][1][0]] if len(pairs) > limit else []
        return [user for _, user in pairs[:limit]], position
    else:
        found = await users.page_equal(pool.pool_id, sought.column, sought.value, after, limit + 1)
    return found[:limit], [found[limit - 1][0]] if len(found) > limit else []


def _wanted(pool: Pool, names: list[str] | None) -> frozenset[str] | None:
    """The attributes to show; None for all. Raises InvalidParameterException for one that the schema lacks."""
    if not names:
        return None
    known = {attribute.name for attribute in pool.settings.pool.schema_attributes or schema.standard()}
    for name in names:
        if name not in known:
            raise _not_there()
    return frozenset(names)


def _not_there() -> errors.InvalidParameterException:
    return errors.InvalidParameterException("One or more requested attributes do not exist.")


def _bound(request: idp.ListUsersRequest) -> str:
    """A token is good for the request that it continues: the same pool, filter and attributes."""
    asked = msgspec.json.encode([request.user_pool_id, request.filter, request.attributes_to_get])
    return f"ListUsers {hashlib.sha256(asked).hexdigest()}"


class _WithAttributes(msgspec.Struct, rename="pascal"):
    """A listed user with some of the attributes; the other members are passed through as they are."""

    username: msgspec.Raw
    attributes: list[idp.AttributeType]
    user_create_date: msgspec.Raw
    user_last_modified_date: msgspec.Raw
    enabled: msgspec.Raw
    user_status: msgspec.Raw


_decode = msgspec.json.Decoder(_WithAttributes).decode


def _shown(users: Sequence[Listed], wanted: frozenset[str] | None) -> list[idp.UserType]:
    """The page as JSON, put together from what is stored."""
    if wanted is None:
        page = msgspec.Raw(f"[{','.join([listed for _, listed in users])}]")
        return cast("list[idp.UserType]", page)
    return cast("list[idp.UserType]", [_only(listed, wanted) for _, listed in users])


def _only(listed: str, wanted: frozenset[str]) -> _WithAttributes:
    """AWS refuses the whole page when one of its users lacks an attribute that was asked for (ListUsers, AttributesToGet; aws-sdk-js #3091)."""
    user = _decode(listed)
    user.attributes = [item for item in user.attributes if item.name in wanted]
    if len(user.attributes) < len(wanted):
        raise _not_there()
    return user
