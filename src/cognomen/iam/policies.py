"""Managed policies and their versions: five at the most, of which one counts. Those that AWS manages are shown and attached like one's own."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cognomen.api import errors, iam
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.iam import documents
from cognomen.policies.document import MANAGED_SIZE, size
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.managed_policies import AWS, OF_AWS, ManagedPolicy, Version, key_of

VERSIONS = 5
replace = msgspec.structs.replace


@op
async def create_policy(cx: Context, request: iam.CreatePolicyRequest) -> iam.CreatePolicyResponse:
    now, path = cx.clock.now(), request.path or "/"
    policy = ManagedPolicy(
        account=cx.settings.account,
        name=request.policy_name,
        path=path,
        policy_id=documents.unique_id("ANPA"),
        arn=f"arn:aws:iam::{cx.settings.account}:policy{path}{request.policy_name}",
        created_at=now,
        modified_at=now,
        default=1,
        last=1,
        versions={1: Version(_document(request.policy_document), now)},
        description=request.description,
        tags=documents.tag_map(request.tags),
    )
    try:
        await cx.store.managed_policies.add(policy)
    except Taken as cause:
        raise errors.EntityAlreadyExistsException(
            f"A policy called {policy.name} already exists. Duplicate names are not allowed."
        ) from cause
    return iam.CreatePolicyResponse(policy=await shown(cx, policy))


@op
async def get_policy(cx: Context, request: iam.GetPolicyRequest) -> iam.GetPolicyResponse:
    return iam.GetPolicyResponse(policy=await shown(cx, await find(cx, request.policy_arn)))


@op
async def list_policies(cx: Context, request: iam.ListPoliciesRequest) -> iam.ListPoliciesResponse:
    """The account's own first, then those that AWS manages."""
    limit, prefix, scope = request.max_items or 100, request.path_prefix or "/", request.scope or "All"
    bound = f"ListPolicies {scope} {prefix} {request.only_attached} {request.policy_usage_filter}"
    start = documents.after(cx, bound, request.marker)
    found: list[ManagedPolicy] = []
    if scope != "AWS" and not start.startswith(OF_AWS):
        found = await _own(cx, start, limit, prefix, request)
        start = ""
    if scope != "Local":
        found += [one for key, one in AWS.items() if key > start and one.path.startswith(prefix) and await _wanted(cx, one, request)]
    page, more, marker = documents.cut(cx, bound, found, limit, lambda policy: policy.key)
    policies = [replace(await shown(cx, policy), description=None, tags=None) for policy in page]
    return iam.ListPoliciesResponse(policies=policies, is_truncated=more, marker=marker)


async def _own(cx: Context, start: str, limit: int, prefix: str, request: iam.ListPoliciesRequest) -> list[ManagedPolicy]:
    """More than `limit`, where there are so many."""
    found: list[ManagedPolicy] = []
    while len(found) <= limit:
        read = await cx.store.managed_policies.page(cx.settings.account, start, limit + 1)
        found += [policy for policy in read if policy.path.startswith(prefix) and await _wanted(cx, policy, request)]
        if len(read) <= limit:
            break
        start = read[-1].key
    return found


@op
async def delete_policy(cx: Context, request: iam.DeletePolicyRequest) -> None:
    _refuse_awss(cx, "DeletePolicy", request.policy_arn)
    try:
        await cx.store.managed_policies.remove(cx.settings.account, request.policy_arn)
    except Missing as cause:
        raise gone(request.policy_arn) from cause
    except Taken as cause:
        text = (
            "Cannot delete a policy attached to entities."
            if cause.what == "attached"
            else "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is"
            " deleted with the policy."
        )
        raise errors.DeleteConflictException(text) from cause


@op
async def create_policy_version(cx: Context, request: iam.CreatePolicyVersionRequest) -> iam.CreatePolicyVersionResponse:
    _refuse_awss(cx, "CreatePolicyVersion", request.policy_arn)
    version = Version(_document(request.policy_document), cx.clock.now())

    def update(policy: ManagedPolicy) -> ManagedPolicy:
        if len(policy.versions) >= VERSIONS:
            raise errors.LimitExceededException(
                f"A managed policy can have up to {VERSIONS} versions. Before you create a new version, you must delete an existing version."
            )
        number = policy.last + 1
        default = number if request.set_as_default else policy.default
        return replace(policy, last=number, default=default, versions={**policy.versions, number: version}, modified_at=version.created_at)

    policy = await _change(cx, request.policy_arn, update)
    return iam.CreatePolicyVersionResponse(policy_version=replace(_version(policy, policy.last), document=None))


@op
async def get_policy_version(cx: Context, request: iam.GetPolicyVersionRequest) -> iam.GetPolicyVersionResponse:
    policy = await find(cx, request.policy_arn)
    return iam.GetPolicyVersionResponse(policy_version=_version(policy, _number(policy, request.version_id)))


@op
async def list_policy_versions(cx: Context, request: iam.ListPolicyVersionsRequest) -> iam.ListPolicyVersionsResponse:
    """Newest first, without their documents."""
    policy = await find(cx, request.policy_arn)
    limit, bound = request.max_items or 100, f"ListPolicyVersions {policy.policy_id}"
    start = documents.after(cx, bound, request.marker)
    numbers = [number for number in sorted(policy.versions, reverse=True) if not start or number < int(start)]
    page, more, marker = documents.cut(cx, bound, numbers, limit, str)
    versions = [replace(_version(policy, number), document=None) for number in page]
    return iam.ListPolicyVersionsResponse(versions=versions, is_truncated=more, marker=marker)


@op
async def set_default_policy_version(cx: Context, request: iam.SetDefaultPolicyVersionRequest) -> None:
    _refuse_awss(cx, "SetDefaultPolicyVersion", request.policy_arn)
    now = cx.clock.now()
    await _change(cx, request.policy_arn, lambda policy: replace(policy, default=_number(policy, request.version_id), modified_at=now))


@op
async def delete_policy_version(cx: Context, request: iam.DeletePolicyVersionRequest) -> None:
    _refuse_awss(cx, "DeletePolicyVersion", request.policy_arn)
    now = cx.clock.now()

    def update(policy: ManagedPolicy) -> ManagedPolicy:
        number = _number(policy, request.version_id)
        if number == policy.default:
            raise errors.DeleteConflictException("Cannot delete the default version of a policy.")
        left = {key: version for key, version in policy.versions.items() if key != number}
        return replace(policy, versions=left, modified_at=now)

    await _change(cx, request.policy_arn, update)


async def find(cx: Context, arn: str) -> ManagedPolicy:
    """Raises NoSuchEntityException."""
    policy = await cx.store.managed_policies.get(cx.settings.account, arn)
    if policy is None:
        raise gone(arn)
    return policy


def _refuse_awss(cx: Context, operation: str, arn: str) -> None:
    """Policies that AWS manages are nobody's to change, whatever the caller may."""
    if key_of(arn) in AWS:
        caller = cx.caller.session.arn if cx.caller.session else f"arn:aws:iam::{cx.settings.account}:user/{cx.caller.name or 'root'}"
        raise errors.AccessDeniedException(f"User: {caller} is not authorized to perform: iam:{operation} on resource: policy {arn}")


def gone(arn: str) -> errors.NoSuchEntityException:
    return errors.NoSuchEntityException(f"Policy {arn} was not found.")


async def shown(cx: Context, policy: ManagedPolicy) -> iam.Policy:
    attached, as_boundary = await cx.store.managed_policies.attachments(cx.settings.account, policy.key)
    return iam.Policy(
        policy_name=policy.name,
        policy_id=policy.policy_id,
        arn=policy.arn,
        path=policy.path,
        default_version_id=f"v{policy.default}",
        attachment_count=attached,
        permissions_boundary_usage_count=as_boundary,
        is_attachable=True,
        description=policy.description,
        create_date=policy.created_at,
        update_date=policy.modified_at,
        tags=documents.tag_list(policy.tags),
    )


async def _wanted(cx: Context, policy: ManagedPolicy, request: iam.ListPoliciesRequest) -> bool:
    if not request.only_attached and request.policy_usage_filter is None:
        return True
    attached, as_boundary = await cx.store.managed_policies.attachments(cx.settings.account, policy.key)
    counted = {None: attached, "PermissionsPolicy": attached, "PermissionsBoundary": as_boundary}[request.policy_usage_filter]
    return counted > 0


async def _change(cx: Context, arn: str, update: Callable[[ManagedPolicy], ManagedPolicy]) -> ManagedPolicy:
    try:
        return await cx.store.managed_policies.change(cx.settings.account, arn, update)
    except Missing as cause:
        raise gone(arn) from cause


def _number(policy: ManagedPolicy, version_id: str) -> int:
    digits = version_id.partition(".")[0].removeprefix("v")
    number = int(digits) if digits.isdigit() and len(digits) < 10 else 0
    if number not in policy.versions:
        raise errors.NoSuchEntityException(f"Policy {policy.arn} version {version_id} does not exist or is not attachable.")
    return number


def _version(policy: ManagedPolicy, number: int) -> iam.PolicyVersion:
    version = policy.versions[number]
    return iam.PolicyVersion(
        document=documents.encoded(version.document),
        version_id=f"v{number}",
        is_default_version=number == policy.default,
        create_date=version.created_at,
    )


def _document(document: str) -> str:
    if size(document) > MANAGED_SIZE:
        raise errors.LimitExceededException(f"Cannot exceed quota for PolicySize: {MANAGED_SIZE}")
    return documents.checked(document, "identity")
