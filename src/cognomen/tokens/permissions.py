"""What a session of a role may: the role's own policies and boundary, within the session's policies and, for guests, within Cognito's.

A role that is not there permits nothing. Who asks gives the action, the resource and what else the request is known by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import msgspec

from cognomen.kernel.clock import Clock
from cognomen.kernel.secrets import Sealer
from cognomen.policies.document import Policy, parse
from cognomen.policies.evaluate import Decision, Effect, Request, decide, names, trusts
from cognomen.policies.guest import scope_down
from cognomen.storage.roles import Role
from cognomen.storage.store import Store
from cognomen.tokens.credentials import Expired, Session, check_revoked, open_token


async def decide_for(
    store: Store, session: Session, action: str, resource: str, context: Mapping[str, Sequence[str]] | None = None
) -> Decision:
    """`context` adds keys of this request (s3:prefix, aws:SourceIp) to those of the session."""
    held = await _held(store, session)
    if held is None:
        return Decision(Effect.IMPLICIT_DENY)
    asked = Request(action, resource, {"AWS": session.arn}, {**(context or {}), **keys_of(session)})
    return decide(held.identity, asked, boundary=held.boundary, session=held.limits)


async def asks_for(store: Store, session: Session, prefix: str) -> bool:
    """Whether what the session may depends on a key that begins so (in small letters): one that costs a question to somebody else."""
    held = await _held(store, session)
    if held is None:
        return False
    boundary = [held.boundary] if held.boundary else []
    return any(names(policy, prefix) for policy in (*held.identity, *boundary, *held.limits))


class _Held(msgspec.Struct, frozen=True):
    identity: list[Policy]
    boundary: Policy | None
    limits: list[Policy]


async def _held(store: Store, session: Session) -> _Held | None:
    """All policies by which the session is decided; None where nothing can be allowed: its role is gone, or the policies that limit it are."""
    held = await store.roles.permissions(session.role_arn)
    if held is None or held.role.role_id != session.role_id:
        return None
    identity = [_parsed(document, name) for name, document in held.documents]
    boundary = _parsed(held.boundary[1], held.boundary[0]) if held.boundary else None
    named = [await store.managed_policies.get(session.account, arn) for arn in session.policy_arns]
    limits = [_parsed(document, "session policy") for document in session.policies]
    limits += [_parsed(policy.versions[policy.default].document, policy.name) for policy in named if policy is not None]
    if session.guest:
        limits += scope_down()
    elif session.policy_arns and not limits:
        return None
    return _Held(identity, boundary, limits)


def denial(session: Session, action: str, resource: str, decision: Decision) -> str:
    """AWS's sentence: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"""
    if decision.effect is Effect.EXPLICIT_DENY:
        why = "with an explicit deny in an identity-based policy"
    else:
        why = f"because no identity-based policy allows the {action} action"
    return f"User: {session.arn} is not authorized to perform: {action} on resource: {resource} {why}"


def keys_of(session: Session) -> dict[str, Sequence[str]]:
    """Keys of a request's context that come with its session."""
    return {
        **session.context,
        **{f"aws:PrincipalTag/{key}": [value] for key, value in session.tags.items()},
        "aws:PrincipalArn": [session.role_arn],
        "aws:PrincipalAccount": [session.account],
        "aws:PrincipalType": ["AssumedRole"],
        "aws:userid": [session.user_id],
        "aws:TokenIssueTime": [str(session.issued_at)],
        **({"aws:FederatedProvider": [session.principal["Federated"]]} if "Federated" in session.principal else {}),
    }


def request_keys(clock: Clock, source_ip: str, scheme: str, region: str, headers: Mapping[str, str]) -> dict[str, list[str]]:
    """Keys of every request's context: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html"""
    now = clock.now()
    found = {
        "aws:CurrentTime": [str(now)],
        "aws:EpochTime": [str(int(now))],
        "aws:SecureTransport": ["true" if scheme == "https" else "false"],
        "aws:RequestedRegion": [region],
        **{f"aws:{name}": [value] for name, value in headers.items() if value},
    }
    if source_ip:
        found["aws:SourceIp"] = [source_ip]
    return found


def operation_keys(service: str, request: object) -> dict[str, list[str]]:
    """Keys that a request of IAM, STS or Cognito itself has, by the members in which it says so. Without them a deny would miss, and an allow by
    `ForAllValues` hold for anything. Source: list_awsidentityandaccessmanagementiam.html and its like of the service authorization reference."""
    tags = dict(_tags_in(request))
    found = {f"aws:RequestTag/{key}": [value] for key, value in tags.items()}
    keys = [*tags, *(getattr(request, "tag_keys", None) or [])]
    found |= {"aws:TagKeys": keys} if keys else {}
    members = _KEYS_OF.get(service, {})
    return found | {key: [value] for name, key in members.items() if isinstance(value := getattr(request, name, None), str)}


def _tags_in(request: object) -> Iterator[tuple[str, str]]:
    for name in ("tags", "user_pool_tags", "identity_pool_tags"):
        given = getattr(request, name, None) or {}
        if isinstance(given, dict):
            yield from given.items()
        elif isinstance(given, list):
            yield from ((tag.key, tag.value) for tag in given)


_KEYS_OF = {
    "iam": {"policy_arn": "iam:PolicyARN", "permissions_boundary": "iam:PermissionsBoundary"},
    "sts": {"external_id": "sts:ExternalId", "role_session_name": "sts:RoleSessionName", "source_identity": "sts:SourceIdentity"},
}


def trusted(role: Role, action: str, request: Request) -> bool:
    """Whether a role's trust policy lets the request's principal do `action`. Raises BadPolicy."""
    return trusts(_parsed(role.trust, ""), action, request)


@lru_cache(maxsize=1024)
def _parsed(document: str, name: str) -> Policy:
    return parse(document, name=name)


async def session_of(store: Store, sealer: Sealer, clock: Clock, access_key_id: str, session_token: str) -> Session:
    """The session of a temporary key, unless its role's sessions of that time were revoked. Raises BadToken, Expired, Revoked."""
    session = open_token(sealer, clock, access_key_id, session_token)
    check_revoked(session, await store.roles.revoked_before(session.role_arn))
    return session


async def check_session(store: Store, clock: Clock, session: Session) -> None:
    """Whether one that was opened before still counts. Raises Expired, Revoked."""
    if clock.now() >= session.expires_at:
        raise Expired
    check_revoked(session, await store.roles.revoked_before(session.role_arn))


async def resource_of(store: Store, service: str, account: str, region: str, request: object) -> str:
    """The ARN of what a request is about, from the members by which it names it; `*` where it names nothing."""
    named = {name: value for name in _NAMES if isinstance(value := getattr(request, name, None), str)}
    # A role that a group or a pool is to have is not what the request changes.
    arn = next((named[name] for name in (_ARNS if service in ("iam", "sts") else _ARNS[:1]) if name in named), None)
    if arn is not None:
        return arn
    if service == "iam" and "role_name" in named:
        role = await store.roles.get(account, named["role_name"])  # its path is part of its ARN, so that a policy may speak of it
        return role.arn if role is not None else f"arn:aws:iam::{account}:role{named.get('path', '/')}{named['role_name']}"
    if "policy_arn" in named:
        return named["policy_arn"]
    if service == "iam" and "policy_name" in named:
        return f"arn:aws:iam::{account}:policy{named.get('path', '/')}{named['policy_name']}"
    if service == "cognito-idp" and "user_pool_id" in named:
        user_pool = await store.pools.get(named["user_pool_id"])  # found from any region, it has one ARN
        where = user_pool.region if user_pool is not None else region
        return f"arn:aws:cognito-idp:{where}:{account}:userpool/{named['user_pool_id']}"
    if service == "cognito-identity" and "identity_id" in named and "identity_pool_id" not in named:
        identity = await store.identities.find(named["identity_id"])
        named |= {"identity_pool_id": identity.pool_id} if identity is not None else {}
    if service in ("cognito-identity", "cognito-sync") and "identity_pool_id" in named:
        identity_pool = await store.identity_pools.get(named["identity_pool_id"])
        where = identity_pool.region if identity_pool is not None else region
        below = [("identity", "identity_id"), ("dataset", "dataset_name")] if service == "cognito-sync" else []
        path = "".join(f"/{kind}/{named[name]}" for kind, name in below if name in named)
        return f"arn:aws:{service}:{where}:{account}:identitypool/{named['identity_pool_id']}{path}"
    return "*"


def roles_passed(service: str, request: object) -> list[str]:
    """The ARNs of roles that a request hands to a pool or a group, whose users get them, or by which Cognito acts: who gives them away must have
    them to give (iam:PassRole, https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html)."""
    return sorted(set(_handed_over(request))) if service.startswith("cognito-") else []


def _handed_over(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _handed_over(one)
    elif isinstance(value, dict):
        yield from _handed_over(list(value.values()))
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            member = getattr(value, name)
            if name in _HANDED_OVER and isinstance(member, str):
                yield member
            elif name == "roles" and isinstance(member, dict):
                yield from map(str, member.values())
            elif isinstance(member, list | dict | msgspec.Struct):
                yield from _handed_over(member)


_HANDED_OVER = ("role_arn", "sns_caller_arn", "cloud_watch_logs_role_arn")
# A role comes before the policy that is attached to it: it is what the request changes.
_ARNS = ("resource_arn", "role_arn", "policy_source_arn", "open_id_connect_provider_arn", "saml_provider_arn")
_NAMES = (*_ARNS, "policy_arn", "role_name", "policy_name", "path", "user_pool_id", "identity_pool_id", "identity_id", "dataset_name")
