"""Credentials and OpenID tokens for an identity: who they are, which role they get, and whether that role trusts them.

https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flow.html: GetCredentialsForIdentity is the enhanced flow,
GetOpenIdToken the first half of the basic one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from cognomen.api import errors, identity
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.identitypools import find, linking, logins
from cognomen.identitypools.rules import principal_tags, role_mapping
from cognomen.policies.document import BadPolicy
from cognomen.policies.evaluate import Request
from cognomen.storage.identities import Identity
from cognomen.storage.identity_pools import IdentityPool
from cognomen.storage.roles import Role
from cognomen.tokens import credentials, identity_tokens, jwt, permissions, real_sts
from cognomen.tokens.issuer import own_base
from cognomen.tokens.keys import NoKeys

SECONDS = 3600
_TOKEN_SECONDS = 600  # "The OpenID token is valid for 10 minutes."
_SESSION = "CognitoIdentityCredentials"  # the name of the live sessions
_ASSUME, _TAG = "sts:AssumeRoleWithWebIdentity", "sts:TagSession"


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """Who is let in. `token` is the pool's own OpenID token, where the request came with one."""

    identity_id: str
    methods: list[str]  # amr
    choice: role_mapping.Asked | None  # None for guests
    tags: Mapping[str, str]
    token: str | None = None

    @property
    def is_guest(self) -> bool:
        return self.choice is None


@op
async def get_credentials_for_identity(
    cx: Context, request: identity.GetCredentialsForIdentityInput
) -> identity.GetCredentialsForIdentityResponse:
    """Nothing is written but what links or merges identities; nothing is signed, unless the real STS is to be asked."""
    pool, asked = await find.identity(cx, request.identity_id)
    entered = await _entered(cx, pool, asked, request.logins or {})
    roles = pool.settings.roles
    if entered.choice is None:
        if request.custom_role_arn not in (None, roles.get("unauthenticated")):
            raise role_mapping.forbidden(str(request.custom_role_arn))
        arn = role_mapping.guest_role(roles)
    else:
        arn = role_mapping.role(roles, entered.choice, request.custom_role_arn)
    made = await (_from_sts(cx, pool, entered, arn) if cx.settings.credentials == "sts" else _own(cx, pool, entered, arn))
    return identity.GetCredentialsForIdentityResponse(identity_id=entered.identity_id, credentials=made)


async def _entered(cx: Context, pool: IdentityPool, asked: Identity, given: Mapping[str, str]) -> Entered:
    token = given.get(identity_tokens.PROVIDER)
    if token is not None:
        if len(given) > 1:
            raise errors.InvalidParameterException("A token of cognito-identity.amazonaws.com must be the only login.")
        return await _by_own_token(cx, pool, asked, token)
    proven = await logins.verified(cx, pool, given) if given else []
    identity_id = await linking.entered(cx, pool, asked, proven)
    return Entered(identity_id=identity_id, methods=methods(proven), choice=_choice(pool, proven), tags=_tags(pool, proven))


def methods(proven: Sequence[logins.Proven]) -> list[str]:
    return identity_tokens.amr({one.provider: one.whom for one in proven})


async def _by_own_token(cx: Context, pool: IdentityPool, asked: Identity, token: str) -> Entered:
    """The token of GetOpenIdTokenForDeveloperIdentity or GetOpenIdToken: the login was verified when it was issued."""
    try:
        claims = await identity_tokens.verified(cx.store, cx.keys, cx.clock, jwt.read(token), own_url(cx))
    except identity_tokens.Expired as cause:
        raise errors.NotAuthorizedException("Invalid login token. Token expired.") from cause
    except (identity_tokens.NotOurs, jwt.BadToken) as cause:
        raise logins.invalid("Couldn't verify signed token.") from cause
    current = await find.current(cx, asked)
    whose = claims["sub"] if claims["aud"] == pool.pool_id else ""
    # The identity of a token may have been merged into another since.
    held = current if whose in (asked.identity_id, current.identity_id) else None
    if held is None:
        raise errors.NotAuthorizedException(linking.MISMATCH)
    providers = [str(one) for one in claims["amr"][1:]]
    if not providers:
        if held.authenticated:
            raise errors.NotAuthorizedException(f"Access to Identity '{asked.identity_id}' is forbidden.")
        linking.check_guests(pool)
    # What a developer's token stands for is its developer provider; a public provider's claims are not in it.
    mapping = next((pool.settings.mappings[name] for name in providers if name in pool.settings.mappings), None)
    choice = role_mapping.Asked(mapping, {}) if providers else None
    return Entered(
        identity_id=held.identity_id, methods=list(claims["amr"]), choice=choice, tags=identity_tokens.tags_of(claims), token=token
    )


def _choice(pool: IdentityPool, proven: Sequence[logins.Proven]) -> role_mapping.Asked | None:
    """The first login whose provider has a mapping decides."""
    for one in proven:
        for name in one.mapped:
            if name in pool.settings.mappings:
                return role_mapping.Asked(pool.settings.mappings[name], one.claims)
    return role_mapping.Asked(None, proven[0].claims) if proven else None


def _tags(pool: IdentityPool, proven: Sequence[logins.Proven]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for one in proven if pool.settings.tags else ():
        found = next((pool.settings.tags[name] for name in one.mapped if name in pool.settings.tags), None)
        tags |= principal_tags.of(found, one.claims)
    return tags


async def _own(cx: Context, pool: IdentityPool, entered: Entered, arn: str) -> identity.Credentials:
    """Of a role that is here and trusts the pool; in dev, also of one that never was here, which permits nothing."""
    context = identity_tokens.context_of({"aud": pool.pool_id, "sub": entered.identity_id, "amr": entered.methods})
    held = await cx.store.roles.permissions(arn)
    if held is None and cx.settings.mode != "dev":
        raise unusable()
    if held is not None:
        check_trust(held.role, context, entered.tags)
    role_tags = held.role.tags if held is not None else {}
    made = credentials.issue(
        cx.sealer,
        cx.clock,
        role_arn=arn,
        role_id=held.role.role_id if held is not None else "",
        session_name=_SESSION,
        principal={"Federated": identity_tokens.PROVIDER},
        context=context,
        tags={**role_tags, **entered.tags},
        duration=SECONDS,
        guest=entered.is_guest,
    )
    return identity.Credentials(
        access_key_id=made.access_key_id,
        secret_key=made.secret_access_key,
        session_token=made.session_token,
        expiration=made.expiration,
    )


def check_trust(role: Role, context: Mapping[str, Sequence[str]], tags: Mapping[str, str]) -> None:
    """Raises InvalidIdentityPoolConfigurationException, as AWS does, for a role that does not let this identity in."""
    keys: dict[str, Sequence[str]] = {**context, "sts:RoleSessionName": [_SESSION]}
    keys |= {f"aws:RequestTag/{key}": [value] for key, value in tags.items()}
    keys |= {"aws:TagKeys": list(tags)} if tags else {}
    asked = Request("", role.arn, {"Federated": identity_tokens.PROVIDER}, keys)
    try:
        lets_in = all(permissions.trusted(role, action, asked) for action in (_ASSUME, *([_TAG] if tags else [])))
    except BadPolicy as cause:
        raise unusable() from cause
    if not lets_in:
        raise unusable()


async def _from_sts(cx: Context, pool: IdentityPool, entered: Entered, arn: str) -> identity.Credentials:
    """From the real STS, by the pool's token. It knows roles, trust and limits."""
    token = entered.token or await open_id_token(cx, pool, entered.identity_id, entered.methods, _TOKEN_SECONDS, entered.tags)
    endpoint = cx.settings.aws_endpoint_sts or f"https://sts.{pool.region}.amazonaws.com"
    policies = real_sts.GUEST_POLICIES if entered.is_guest else {}
    try:
        made = await asyncio.to_thread(real_sts.assume, endpoint, arn, token, _SESSION, SECONDS, policies)
    except real_sts.Refused as cause:
        raise unusable() from cause
    except real_sts.Unreachable as cause:
        raise errors.ExternalServiceException("STS cannot be reached now.") from cause
    return identity.Credentials(**made)


async def open_id_token(
    cx: Context, pool: IdentityPool, identity_id: str, amr: list[str], seconds: int, tags: Mapping[str, str] | None = None
) -> str:
    """Raises ResourceNotFoundException when the pool went away meanwhile."""
    try:
        return await identity_tokens.issue(
            cx.keys,
            cx.signer,
            cx.clock,
            pool,
            account=cx.settings.account,
            issuer=identity_tokens.issuer_of(cx.settings.identity_issuer, pool.pool_id, own_url(cx)),
            identity_id=identity_id,
            methods=amr,
            seconds=seconds,
            tags=tags,
        )
    except NoKeys as cause:
        raise find.no_pool(pool.pool_id) from cause


def own_url(cx: Context) -> str:
    return own_base(cx.settings.public_url or None, cx.base_url)


@op
async def get_open_id_token(cx: Context, request: identity.GetOpenIdTokenInput) -> identity.GetOpenIdTokenResponse:
    """For ten minutes. Texts of the refusals: aws-cli #7652, aws-rum-web #172."""
    pool, asked = await find.identity(cx, request.identity_id)
    if pool.settings.pool.allow_classic_flow is False:
        raise errors.InvalidParameterException("Basic (classic) flow is not enabled, please use enhanced flow.")
    if pool.settings.mappings:
        raise errors.InvalidParameterException("Basic (classic) flow is not supported with RoleMappings, please use enhanced flow.")
    proven = await logins.verified(cx, pool, request.logins) if request.logins else []
    identity_id = await linking.entered(cx, pool, asked, proven)
    token = await open_id_token(cx, pool, identity_id, methods(proven), _TOKEN_SECONDS, _tags(pool, proven))
    return identity.GetOpenIdTokenResponse(identity_id=identity_id, token=token)


def unusable() -> errors.InvalidIdentityPoolConfigurationException:
    return errors.InvalidIdentityPoolConfigurationException(role_mapping.UNCONFIGURED)
