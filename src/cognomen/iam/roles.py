"""Roles: who may assume them, for how long, with which boundary."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cognomen.api import errors, iam
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.iam import documents
from cognomen.policies.document import TRUST_SIZE, parse, size
from cognomen.policies.trust import AMAZON, FACEBOOK, open_to
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.roles import Role

replace = msgspec.structs.replace
_NARROWED = {FACEBOOK: "app_id", AMAZON: "app_id"}  # the key that says for which application; `aud` for all others


@op
async def create_role(cx: Context, request: iam.CreateRoleRequest) -> iam.CreateRoleResponse:
    """A boundary must be there already: NoSuchEntity is no error of this operation, so it is InvalidInput."""
    role = Role(
        account=cx.settings.account,
        name=request.role_name,
        path=request.path or "/",
        role_id=documents.unique_id("AROA"),
        trust=_trust(request.assume_role_policy_document),
        created_at=cx.clock.now(),
        description=request.description,
        max_session=request.max_session_duration or 3600,
        boundary=request.permissions_boundary,
        tags=documents.tag_map(request.tags),
    )
    try:
        await cx.store.roles.add(role)
    except Taken as cause:
        raise errors.EntityAlreadyExistsException(f"Role with name {role.name} already exists.") from cause
    except Missing as cause:
        raise errors.InvalidInputException(f"Scope ARN: {role.boundary} does not exist or is not attachable.") from cause
    return iam.CreateRoleResponse(role=shown(role))


@op
async def get_role(cx: Context, request: iam.GetRoleRequest) -> iam.GetRoleResponse:
    return iam.GetRoleResponse(role=shown(await find(cx, request.role_name)))


@op
async def list_roles(cx: Context, request: iam.ListRolesRequest) -> iam.ListRolesResponse:
    """Without tags and boundaries, as AWS leaves them out here."""
    limit, prefix = request.max_items or 100, request.path_prefix or "/"
    bound = f"ListRoles {prefix}"
    found = await cx.store.roles.page(cx.settings.account, documents.after(cx, bound, request.marker), limit + 1, prefix)
    page, more, marker = documents.cut(cx, bound, found, limit, lambda role: role.name.lower())
    roles = [shown(replace(role, tags={}, boundary=None)) for role in page]
    return iam.ListRolesResponse(roles=roles, is_truncated=more, marker=marker)


@op
async def update_role(cx: Context, request: iam.UpdateRoleRequest) -> iam.UpdateRoleResponse:
    """What is not given stays as it is."""

    def update(role: Role) -> Role:
        described = role.description if request.description is None else request.description
        return replace(role, description=described, max_session=request.max_session_duration or role.max_session)

    await _change(cx, request.role_name, update)
    return iam.UpdateRoleResponse()


@op
async def update_role_description(cx: Context, request: iam.UpdateRoleDescriptionRequest) -> iam.UpdateRoleDescriptionResponse:
    role = await _change(cx, request.role_name, lambda role: replace(role, description=request.description))
    return iam.UpdateRoleDescriptionResponse(role=shown(role))


@op
async def update_assume_role_policy(cx: Context, request: iam.UpdateAssumeRolePolicyRequest) -> None:
    trust = _trust(request.policy_document)
    await _change(cx, request.role_name, lambda role: replace(role, trust=trust))


@op
async def delete_role(cx: Context, request: iam.DeleteRoleRequest) -> None:
    """Its policies must be gone before. Credentials that it gave out end with it."""
    try:
        await cx.store.roles.remove(cx.settings.account, request.role_name, cx.clock.now())
    except Missing as cause:
        raise gone(request.role_name) from cause
    except Taken as cause:
        first = "detach all policies" if cause.what == "attached" else "delete policies"
        raise errors.DeleteConflictException(f"Cannot delete entity, must {first} first.") from cause


@op
async def tag_role(cx: Context, request: iam.TagRoleRequest) -> None:
    await _change(cx, request.role_name, lambda role: replace(role, tags=documents.tag_map(request.tags, role.tags)))


@op
async def untag_role(cx: Context, request: iam.UntagRoleRequest) -> None:
    """A key that is not there is no error."""
    keys = {key.lower() for key in request.tag_keys}
    await _change(
        cx, request.role_name, lambda role: replace(role, tags={key: value for key, value in role.tags.items() if key.lower() not in keys})
    )


@op
async def list_role_tags(cx: Context, request: iam.ListRoleTagsRequest) -> iam.ListRoleTagsResponse:
    role = await find(cx, request.role_name)
    limit, bound = request.max_items or 100, f"ListRoleTags {role.role_id}"
    start = documents.after(cx, bound, request.marker)
    found = [tag for tag in documents.tag_list(dict(sorted(role.tags.items()))) or [] if tag.key > start or not start]
    page, more, marker = documents.cut(cx, bound, found, limit, lambda tag: tag.key)
    return iam.ListRoleTagsResponse(tags=page, is_truncated=more, marker=marker)


@op
async def put_role_permissions_boundary(cx: Context, request: iam.PutRolePermissionsBoundaryRequest) -> None:
    try:
        await cx.store.roles.change(
            cx.settings.account, request.role_name, lambda role: replace(role, boundary=request.permissions_boundary)
        )
    except Missing as cause:
        if str(cause) == "policy":
            raise errors.NoSuchEntityException(f"Scope ARN: {request.permissions_boundary} does not exist or is not attachable.") from cause
        raise gone(request.role_name) from cause


@op
async def delete_role_permissions_boundary(cx: Context, request: iam.DeleteRolePermissionsBoundaryRequest) -> None:
    await _change(cx, request.role_name, lambda role: replace(role, boundary=None))


@op
async def list_instance_profiles_for_role(
    cx: Context, request: iam.ListInstanceProfilesForRoleRequest
) -> iam.ListInstanceProfilesForRoleResponse:
    """There are no machines here, and so no profiles: Terraform asks before it deletes a role."""
    await find(cx, request.role_name)
    return iam.ListInstanceProfilesForRoleResponse(instance_profiles=[], is_truncated=False)


async def find(cx: Context, name: str) -> Role:
    """Raises NoSuchEntityException."""
    role = await cx.store.roles.get(cx.settings.account, name)
    if role is None:
        raise gone(name)
    return role


def gone(name: str) -> errors.NoSuchEntityException:
    return errors.NoSuchEntityException(f"The role with name {name} cannot be found.")


def shown(role: Role) -> iam.Role:
    boundary = iam.AttachedPermissionsBoundary(permissions_boundary_type="Policy", permissions_boundary_arn=role.boundary)
    return iam.Role(
        path=role.path,
        role_name=role.name,
        role_id=role.role_id,
        arn=role.arn,
        create_date=role.created_at,
        assume_role_policy_document=documents.encoded(role.trust),
        description=role.description,
        max_session_duration=role.max_session,
        permissions_boundary=boundary if role.boundary else None,
        tags=documents.tag_list(role.tags),
    )


async def _change(cx: Context, name: str, update: Callable[[Role], Role]) -> Role:
    try:
        return await cx.store.roles.change(cx.settings.account, name, update)
    except Missing as cause:
        raise gone(name) from cause


def _trust(document: str) -> str:
    if size(document) > TRUST_SIZE:
        raise errors.LimitExceededException(f"Cannot exceed quota for ACLSizePerRole: {TRUST_SIZE}")
    checked = documents.checked(document, "trust")
    provider = open_to(parse(checked, "trust"))
    if provider is not None:  # the text is ours
        key = _NARROWED.get(provider, "aud")
        raise errors.MalformedPolicyDocumentException(f"A role that trusts {provider} must have a condition, such as {provider}:{key}.")
    return checked
