"""Which managed policies a role has, and which roles have a policy."""

from __future__ import annotations

from cognomen.api import errors, iam
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.iam import documents, policies, roles
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.roles import Role

MOST = 10  # managed policies of one role (reference_iam-quotas.html)


@op
async def attach_role_policy(cx: Context, request: iam.AttachRolePolicyRequest) -> None:
    """Attaching again changes nothing."""
    try:
        await cx.store.roles.attach(cx.settings.account, request.role_name, request.policy_arn, MOST)
    except Missing as cause:
        if str(cause) == "policy":
            raise errors.NoSuchEntityException(f"Policy {request.policy_arn} does not exist or is not attachable.") from cause
        raise roles.gone(request.role_name) from cause
    except Taken as cause:
        raise errors.LimitExceededException(f"Cannot exceed quota for PoliciesPerRole: {MOST}") from cause


@op
async def detach_role_policy(cx: Context, request: iam.DetachRolePolicyRequest) -> None:
    policy = await cx.store.managed_policies.get(cx.settings.account, request.policy_arn)
    try:
        if policy is None:
            await roles.find(cx, request.role_name)
            raise Missing("policy")
        await cx.store.roles.detach(cx.settings.account, request.role_name, request.policy_arn)
    except Missing as cause:
        if str(cause) == "policy":
            raise errors.NoSuchEntityException(f"Policy {request.policy_arn} was not found.") from cause
        raise roles.gone(request.role_name) from cause


@op
async def list_attached_role_policies(cx: Context, request: iam.ListAttachedRolePoliciesRequest) -> iam.ListAttachedRolePoliciesResponse:
    role = await roles.find(cx, request.role_name)
    limit, prefix = request.max_items or 100, request.path_prefix or "/"
    bound = f"ListAttachedRolePolicies {role.role_id} {prefix}"
    start = documents.after(cx, bound, request.marker)
    keys = [key for key in await cx.store.roles.attached(role.account, role.name) if key > start]
    held = [await cx.store.managed_policies.by_key(role.account, key) for key in keys]
    found = [policy for policy in held if policy is not None and policy.path.startswith(prefix)]
    page, more, marker = documents.cut(cx, bound, found, limit, lambda policy: policy.key)
    attached = [iam.AttachedPolicy(policy_name=policy.name, policy_arn=policy.arn) for policy in page]
    return iam.ListAttachedRolePoliciesResponse(attached_policies=attached, is_truncated=more, marker=marker)


@op
async def list_entities_for_policy(cx: Context, request: iam.ListEntitiesForPolicyRequest) -> iam.ListEntitiesForPolicyResponse:
    """Roles alone: there are no users and groups of IAM here."""
    policy = await policies.find(cx, request.policy_arn)
    limit, prefix = request.max_items or 100, request.path_prefix or "/"
    kind = "boundary" if request.policy_usage_filter == "PermissionsBoundary" else "attached"
    bound = f"ListEntitiesForPolicy {policy.policy_id} {kind} {prefix} {request.entity_filter}"
    start = documents.after(cx, bound, request.marker)
    found: list[Role] = []
    while request.entity_filter in (None, "Role") and len(found) <= limit:
        read = await cx.store.roles.with_policy(cx.settings.account, policy.key, kind, start, limit + 1)
        found += [role for role in read if role.path.startswith(prefix)]
        if len(read) <= limit:
            break
        start = read[-1].name.lower()
    page, more, marker = documents.cut(cx, bound, found, limit, lambda role: role.name.lower())
    return iam.ListEntitiesForPolicyResponse(
        policy_groups=[],
        policy_users=[],
        policy_roles=[iam.PolicyRole(role_name=role.name, role_id=role.role_id) for role in page],
        is_truncated=more,
        marker=marker,
    )
