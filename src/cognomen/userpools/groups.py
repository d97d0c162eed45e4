"""Groups of a pool and who belongs to them. What they mean in tokens is in `issue.py`."""

from __future__ import annotations

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel import paging
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.groups import Group
from cognomen.userpools import find, pages
from cognomen.userpools.admin_users import shown as shown_user


@op
async def create_group(cx: Context, request: idp.CreateGroupRequest) -> idp.CreateGroupResponse:
    pool = await find.pool(cx, request.user_pool_id)
    now = cx.clock.now()
    group = Group(pool.pool_id, request.group_name, request.description or None, request.role_arn, request.precedence, now, now)
    try:
        await cx.store.groups.add(group)
    except Taken as cause:
        raise errors.GroupExistsException("A group with the name already exists.") from cause
    return idp.CreateGroupResponse(group=_shown(group))


@op
async def get_group(cx: Context, request: idp.GetGroupRequest) -> idp.GetGroupResponse:
    return idp.GetGroupResponse(group=_shown(await _existing(cx, request.user_pool_id, request.group_name)))


async def _existing(cx: Context, pool_id: str, name: str) -> Group:
    pool = await find.pool(cx, pool_id)
    group = await cx.store.groups.get(pool.pool_id, name)
    if group is None:
        raise no_group()
    return group


def no_group() -> errors.ResourceNotFoundException:
    return errors.ResourceNotFoundException("Group not found.")


@op
async def update_group(cx: Context, request: idp.UpdateGroupRequest) -> idp.UpdateGroupResponse:
    """What the request leaves out stays ("updates any of the properties"; Terraform sends only what changed). An empty description removes it."""
    await find.pool(cx, request.user_pool_id)
    now = cx.clock.now()

    def update(present: Group) -> Group:
        return msgspec.structs.replace(
            present,
            description=present.description if request.description is None else request.description or None,
            role_arn=present.role_arn if request.role_arn is None else request.role_arn,
            precedence=present.precedence if request.precedence is None else request.precedence,
            modified_at=now,
        )

    try:
        group = await cx.store.groups.change(request.user_pool_id, request.group_name, update)
    except Missing as cause:
        raise no_group() from cause
    return idp.UpdateGroupResponse(group=_shown(group))


@op
async def delete_group(cx: Context, request: idp.DeleteGroupRequest) -> None:
    await find.pool(cx, request.user_pool_id)
    try:
        await cx.store.groups.remove(request.user_pool_id, request.group_name)
    except Missing as cause:
        raise no_group() from cause


@op
async def list_groups(cx: Context, request: idp.ListGroupsRequest) -> idp.ListGroupsResponse:
    pool = await find.pool(cx, request.user_pool_id)
    bound = paging.bound("ListGroups", pool.pool_id)
    after = pages.position(cx, bound, request.next_token)
    limit = request.limit or pages.MOST
    found = await cx.store.groups.page(pool.pool_id, after[0] if after else "", limit + 1)
    return idp.ListGroupsResponse(groups=[_shown(group) for group in found[:limit]], next_token=_next(cx, bound, found, limit))


@op
async def admin_add_user_to_group(cx: Context, request: idp.AdminAddUserToGroupRequest) -> None:
    pool = await find.pool(cx, request.user_pool_id)
    user = await find.existing_user(cx, pool, request.username)
    try:
        await cx.store.groups.add_member(pool.pool_id, request.group_name, user.sub)
    except Missing as cause:
        raise (find.no_user() if str(cause) == "user" else no_group()) from cause


@op
async def admin_remove_user_from_group(cx: Context, request: idp.AdminRemoveUserFromGroupRequest) -> None:
    """A user who is not in the group is no error."""
    pool = await find.pool(cx, request.user_pool_id)
    user = await find.existing_user(cx, pool, request.username)
    await _existing(cx, pool.pool_id, request.group_name)
    await cx.store.groups.remove_member(pool.pool_id, request.group_name, user.sub)


@op
async def admin_list_groups_for_user(cx: Context, request: idp.AdminListGroupsForUserRequest) -> idp.AdminListGroupsForUserResponse:
    pool = await find.pool(cx, request.user_pool_id)
    user = await find.existing_user(cx, pool, request.username)
    bound = paging.bound("AdminListGroupsForUser", pool.pool_id, user.sub)
    after = pages.position(cx, bound, request.next_token)
    limit = request.limit or pages.MOST
    found = await cx.store.groups.of_user(pool.pool_id, user.sub, after[0] if after else "", limit + 1)
    return idp.AdminListGroupsForUserResponse(groups=[_shown(group) for group in found[:limit]], next_token=_next(cx, bound, found, limit))


@op
async def list_users_in_group(cx: Context, request: idp.ListUsersInGroupRequest) -> idp.ListUsersInGroupResponse:
    group = await _existing(cx, request.user_pool_id, request.group_name)
    bound = paging.bound("ListUsersInGroup", group.pool_id, group.name)
    after = pages.position(cx, bound, request.next_token)
    limit = request.limit or pages.MOST
    found = await cx.store.groups.members(group.pool_id, group.name, after, limit + 1)
    return idp.ListUsersInGroupResponse(
        users=[shown_user(user) for user in found[:limit]],
        next_token=cx.pager.token(bound, [found[limit - 1].sub]) if len(found) > limit else None,
    )


def _next(cx: Context, bound: str, found: list[Group], limit: int) -> str | None:
    """One group more is read than shown, to know whether there is a next page."""
    return cx.pager.token(bound, [found[limit - 1].name]) if len(found) > limit else None


def _shown(group: Group) -> idp.GroupType:
    return idp.GroupType(
        group_name=group.name,
        user_pool_id=group.pool_id,
        description=group.description,
        role_arn=group.role_arn,
        precedence=group.precedence,
        last_modified_date=group.modified_at,
        creation_date=group.created_at,
    )
