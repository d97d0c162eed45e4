"""AssumeRoleWithSAML: a response of a SAML provider of the account, used once, for a role that it offers and that trusts the provider.

Sources: id_roles_providers_create_saml_assertions.html, id_session-tags.html and troubleshoot_saml.html of IAM's user guide.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from typing import Final

import msgspec

from cognomen.api import errors, sts
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.federation import saml as federated
from cognomen.federation.saml import Login
from cognomen.iam.sts import issuing
from cognomen.saml import errors as invalid
from cognomen.storage.engine import Tx
from cognomen.storage.roles import Role
from cognomen.tokens.credentials import LONGEST, SHORTEST

ATTRIBUTES: Final = "https://aws.amazon.com/SAML/Attributes/"
REDEEMED_WITHIN: Final = 300  # seconds after the assertion was issued
LATE: Final = "Token must be redeemed within 5 minutes of issuance"
_NAME: Final = re.compile(r"[a-zA-Z_0-9+=,.@-]{2,64}")
_DENIED: Final = "Not authorized to perform sts:AssumeRoleWithSAML"
# Attributes that trust policies may ask for, by the names under which providers send them.
_EDU_PERSON: Final = "affiliation nickname orgdn orgunitdn primaryaffiliation principalname entitlement primaryorgunitdn scopedaffiliation targetedid assurance"
_EDU_ORG: Final = "homepageuri identityauthnpolicyuri legalname superioruri whitepagesuri"
_CLAIMS: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
KEYS: Final = {
    **{f"urn:oid:1.3.6.1.4.1.5923.1.1.1.{number}": f"saml:eduperson{name}" for number, name in enumerate(_EDU_PERSON.split(), 1)},
    **{f"urn:oid:1.3.6.1.4.1.5923.1.2.1.{number}": f"saml:eduorg{name}" for number, name in enumerate(_EDU_ORG.split(), 2)},
    "urn:oid:2.5.4.3": "saml:cn",
    "urn:oid:2.5.4.4": "saml:surname",
    "urn:oid:2.5.4.42": "saml:givenName",
    "urn:oid:2.5.4.41": "saml:name",
    "urn:oid:2.5.4.45": "saml:x500UniqueIdentifier",
    "urn:oid:0.9.2342.19200300.100.1.1": "saml:uid",
    "urn:oid:0.9.2342.19200300.100.1.3": "saml:mail",
    "urn:oid:0.9.2342.19200300.100.1.45": "saml:organizationStatus",
    "http://schemas.xmlsoap.org/claims/CommonName": "saml:commonName",
    f"{_CLAIMS}name": "saml:name",
    f"{_CLAIMS}surname": "saml:surname",
    f"{_CLAIMS}givenname": "saml:givenName",
    f"{_CLAIMS}emailaddress": "saml:mail",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid": "saml:primaryGroupSID",
}


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What the response says of the session to be made."""

    session_name: str
    duration: int | None
    tags: dict[str, str]
    transitive: list[str]
    source_identity: str | None


@op
async def assume_role_with_saml(cx: Context, request: sts.AssumeRoleWithSAMLRequest) -> sts.AssumeRoleWithSAMLResponse:
    """The response is looked at before the role, so that who has none learns nothing of roles; it is used up by success alone."""
    login = await _verified(cx, request.principal_arn, request.saml_assertion)
    claims = _claims(login)
    context = _context(login)
    role = await _trusting(cx, request.role_arn, login, claims, context)
    duration = _duration(cx, request.duration_seconds, claims.duration, login.session_end, role)
    session = issuing.Wanted(
        name=claims.session_name,
        principal={"Federated": login.provider.arn},
        context={**context, **({"sts:SourceIdentity": [claims.source_identity]} if claims.source_identity else {})},
        tags=claims.tags,
        transitive=claims.transitive,
        duration=duration,
    )
    made = issuing.issue(cx, role, request, session)

    async def unit(tx: Tx) -> None:
        if await federated.used(cx.store, cx.sealer, tx, login):
            raise errors.InvalidIdentityTokenException("The SAML assertion was used before.")

    await cx.store.write(unit)
    return sts.AssumeRoleWithSAMLResponse(
        **issuing.answer(made),
        subject=login.name_id,
        subject_type=login.subject_type,
        issuer=login.provider.entity_id,
        audience=login.recipient,
        name_qualifier=context["saml:namequalifier"][0],
        source_identity=claims.source_identity,
    )


async def _verified(cx: Context, arn: str, response: str) -> Login:
    now, settings = cx.clock.now(), cx.settings
    try:
        login = await federated.verified(
            cx.store,
            cx.sealer,
            account=settings.account,
            region=cx.region,
            arn=arn,
            response=response,
            now=now,
            audience=settings.saml_audience,
        )
    except federated.UnknownProvider as cause:
        raise errors.InvalidIdentityTokenException("Specified provider doesn't exist") from cause
    except invalid.Expired as cause:
        raise errors.ExpiredTokenException(LATE) from cause
    except invalid.Refused as cause:
        raise errors.IDPRejectedClaimException("The identity provider reported that authentication failed.") from cause
    except invalid.WrongIssuer as cause:
        raise errors.InvalidIdentityTokenException("Issuer not present in specified provider") from cause
    except invalid.WrongAudience as cause:
        raise errors.InvalidIdentityTokenException("Response does not contain the required audience.") from cause
    except invalid.BadSignature as cause:
        raise errors.InvalidIdentityTokenException("Response signature invalid") from cause
    except invalid.Invalid as cause:
        raise errors.InvalidIdentityTokenException("Your request included an invalid SAML response.") from cause
    if now > login.issued_at + REDEEMED_WITHIN:
        raise errors.ExpiredTokenException(LATE)
    return login


def _claims(login: Login) -> Claims:
    given = login.attributes
    [name] = given.get(f"{ATTRIBUTES}RoleSessionName", [])[:1] or [""]
    if not name:
        raise errors.InvalidIdentityTokenException("RoleSessionName is required in AuthnResponse")
    if not _NAME.fullmatch(name):
        raise errors.InvalidIdentityTokenException("RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}")
    source = next(iter(given.get(f"{ATTRIBUTES}SourceIdentity", [])), None)
    if source is not None and (not _NAME.fullmatch(source) or source.lower().startswith("aws:")):
        raise errors.InvalidIdentityTokenException('Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"')
    prefix = f"{ATTRIBUTES}PrincipalTag:"
    found = {key.removeprefix(prefix): values for key, values in given.items() if key.startswith(prefix)}
    if any(len(values) != 1 for values in found.values()):
        raise errors.InvalidIdentityTokenException("A PrincipalTag in AuthnResponse must have exactly one value")
    tags = {key: values[0] for key, values in found.items()}
    transitive = given.get(f"{ATTRIBUTES}TransitiveTagKeys", [])
    problem = issuing.tag_problem(tags, transitive)
    if problem:
        raise errors.InvalidIdentityTokenException(problem)
    [asked] = given.get(f"{ATTRIBUTES}SessionDuration", [])[:1] or [""]
    if asked and not (re.fullmatch(r"[0-9]{1,6}", asked) and SHORTEST <= int(asked) <= LONGEST):
        raise errors.InvalidIdentityTokenException(f"SessionDuration in AuthnResponse must be a number from {SHORTEST} to {LONGEST}")
    return Claims(session_name=name, duration=int(asked) if asked else None, tags=tags, transitive=list(transitive), source_identity=source)


def _context(login: Login) -> dict[str, list[str]]:
    """The keys that trust policies and, afterwards, the role's policies see. `saml:aud` is the recipient: so AWS has it."""
    provider = login.provider
    hashed = hashlib.sha1(f"{provider.entity_id}{provider.account}/{provider.name}".encode(), usedforsecurity=False).digest()
    more = {KEYS[name]: values for name, values in login.attributes.items() if name in KEYS and values}
    return {
        **more,
        "saml:aud": [login.recipient],
        "saml:iss": [provider.entity_id],
        "saml:sub": [login.name_id],
        "saml:sub_type": [login.subject_type],
        "saml:namequalifier": [base64.b64encode(hashed).decode()],
        "saml:doc": [f"{provider.account}/{provider.name}"],
    }


async def _trusting(cx: Context, role_arn: str, login: Login, claims: Claims, context: dict[str, list[str]]) -> Role:
    """The role, if the response offers it with this provider and it trusts the provider. One text for all that fails."""
    pairs = [{part.strip() for part in value.split(",")} for value in login.attributes.get(f"{ATTRIBUTES}Role", [])]
    asked_with: dict[str, Sequence[str]] = {
        **context,
        "sts:RoleSessionName": [claims.session_name],
        **issuing.tag_keys(claims.tags, claims.transitive),
    }
    if claims.source_identity:
        asked_with["sts:SourceIdentity"] = [claims.source_identity]
    actions = ["sts:AssumeRoleWithSAML", *(["sts:TagSession"] if claims.tags else [])]
    actions += ["sts:SetSourceIdentity"] if claims.source_identity else []
    if {role_arn, login.provider.arn} not in pairs:
        raise errors.AccessDeniedException(_DENIED)
    try:
        return await issuing.trusting(cx, role_arn, actions, {"Federated": login.provider.arn}, asked_with)
    except issuing.NotTrusted as cause:
        raise errors.AccessDeniedException(_DENIED) from cause


def _duration(cx: Context, asked: int | None, claimed: int | None, ends: float | None, role: Role) -> int:
    """What is asked for, or what the response says, an hour otherwise; never longer than the provider's own session. What the response says is
    cut to what the role allows: the user cannot ask for less."""
    duration = asked or min(claimed or 3600, role.max_session)
    if ends is None:
        return duration
    left = int(ends - cx.clock.now())
    if left <= 0:
        raise errors.ExpiredTokenException(LATE)
    return min(duration, left)
