"""What `cognomen import cognito` copies of a pool beside itself: risk configuration, log delivery, sessions; and what it keeps for later, since
this server has no operations for it yet: identity providers, domains, branding, resource servers and terms.

The kept ones are sealed, as providers' secrets are in them, and nothing reads them yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import OPERATIONS
from cognomen.cli.seed_file import fields
from cognomen.context import Context
from cognomen.storage.errors import CannotStart

KINDS = ("IdentityProvider", "UserPoolDomain", "UICustomization", "ManagedLoginBranding", "ResourceServer", "Terms")
PURPOSE = "kept settings"
# The source has nothing of the kind: by its plan, or since it is another server, which does not know the operation.
_NOTHING = frozenset(
    (
        "FeatureUnavailableInTierException",
        "ResourceNotFoundException",
        "UnknownOperationException",
        "UserPoolAddOnNotEnabledException",
        "404",
        "500",
        "501",
    )
)


def asked(remote: Any, operation: str, **members: Any) -> dict[str, Any]:
    """What an operation answers; {} where the source has nothing of the kind."""
    from botocore.exceptions import ClientError

    try:
        answer: dict[str, Any] = getattr(remote, operation)(**members)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOTHING:
            raise
        return {}
    answer.pop("ResponseMetadata", None)
    return answer


async def copy(cx: Context, remote: Any, source: str, clients: Sequence[str]) -> Counter[str]:
    """Risk configurations, log delivery and sessions; what is configured here already stays. Raises CannotStart."""
    counts: Counter[str] = Counter()
    for client_id in (None, *clients):
        counts["risk_configurations"] += await _copy_risk(cx, remote, source, client_id)
    counts["log_configurations"] += await _copy_logs(cx, remote, source)
    counts["session_configurations"] += await _copy_sessions(cx, remote, source, clients)
    return counts


async def _copy_risk(cx: Context, remote: Any, source: str, client_id: str | None) -> int:
    place = {"UserPoolId": source, **({"ClientId": client_id} if client_id else {})}
    there = asked(remote, "describe_risk_configuration", **place).get("RiskConfiguration", {})
    blocks = {name: there[name] for name in fields(idp.SetRiskConfigurationRequest) if name in there and name.endswith("Configuration")}
    if not blocks or await cx.store.risk_configurations.get(source, client_id or "") is not None:
        return 0
    await operate(cx, "SetRiskConfiguration", {**place, **blocks})
    return 1


async def _copy_logs(cx: Context, remote: Any, source: str) -> int:
    there = asked(remote, "get_log_delivery_configuration", UserPoolId=source).get("LogDeliveryConfiguration", {})
    listed = there.get("LogConfigurations") or []
    present = await cx.store.pools.get(source)
    if not listed or present is None or present.settings.logs:
        return 0
    await operate(cx, "SetLogDeliveryConfiguration", {"UserPoolId": source, "LogConfigurations": listed})
    return len(listed)


async def _copy_sessions(cx: Context, remote: Any, source: str, clients: Sequence[str]) -> int:
    there = asked(remote, "get_user_pool_session_configuration", UserPoolId=source)
    present = await cx.store.pools.get(source)
    if there.get("UserSessionTracking") != "ENABLED" or present is None or present.settings.sessions.tracking:
        return 0
    await operate(cx, "SetUserPoolSessionConfiguration", {**there, "UserPoolId": source})
    for client_id in clients:
        place = {"UserPoolId": source, "ClientId": client_id}
        own = asked(remote, "get_user_pool_client_session_configuration", **place)
        if own.get("SSOSession"):
            await operate(cx, "SetUserPoolClientSessionConfiguration", {**own, **place})
    return 1


async def keep(cx: Context, remote: Any, source: str, clients: Sequence[str]) -> Counter[str]:
    """Fetches what waits for its operations, anew at each run, and counts it by its kind."""
    counts: Counter[str] = Counter()
    for kind, name, there in _waiting(remote, source, clients):
        body = cx.sealer.seal(PURPOSE, msgspec.json.encode(there), f"{source}/{kind}/{name}".encode())
        await cx.store.kept_settings.put(source, kind, name, body)
        counts[kind] += 1
    return counts


def _waiting(remote: Any, source: str, clients: Sequence[str]) -> Iterator[tuple[str, str, Any]]:
    for each in _pages(remote, "list_identity_providers", "Providers", UserPoolId=source, MaxResults=60):
        name = each["ProviderName"]
        found = asked(remote, "describe_identity_provider", UserPoolId=source, ProviderName=name)
        yield "IdentityProvider", name, found.get("IdentityProvider", each)
    described = asked(remote, "describe_user_pool", UserPoolId=source).get("UserPool", {})
    for domain in filter(None, (described.get("Domain"), described.get("CustomDomain"))):
        yield "UserPoolDomain", domain, asked(remote, "describe_user_pool_domain", Domain=domain).get("DomainDescription", {})
    for client_id in ("ALL", *clients):
        look = asked(remote, "get_ui_customization", UserPoolId=source, ClientId=client_id).get("UICustomization", {})
        if look.get("CSS") or look.get("ImageUrl"):
            yield "UICustomization", client_id, look
    for client_id in clients:
        place = {"UserPoolId": source, "ClientId": client_id}
        branding = asked(remote, "describe_managed_login_branding_by_client", **place).get("ManagedLoginBranding")
        if branding:
            yield "ManagedLoginBranding", client_id, branding
    for each in _pages(remote, "list_resource_servers", "ResourceServers", UserPoolId=source, MaxResults=50):
        yield "ResourceServer", each["Identifier"], each
    for each in _pages(remote, "list_terms", "Terms", UserPoolId=source, MaxResults=60):
        terms = asked(remote, "describe_terms", UserPoolId=source, TermsId=each["TermsId"])
        yield "Terms", each["TermsId"], terms.get("Terms", each)


def _pages(remote: Any, operation: str, member: str, **members: Any) -> Iterator[Any]:
    more: dict[str, str] = {}
    while True:
        page = asked(remote, operation, **members, **more)
        yield from page.get(member, [])
        if not page.get("NextToken"):
            return
        more = {"NextToken": page["NextToken"]}


async def operate(cx: Context, operation: str, members: dict[str, Any]) -> None:
    """One of our operations with what the source's twin showed. Raises CannotStart."""
    known = OPERATIONS.by_name["cognito-idp", operation]
    shape = getattr(idp, f"{operation}Request")
    try:
        await known.handler(cx, known.decode({name: value for name, value in members.items() if name in fields(shape)}))
    except errors.ServiceError as error:
        raise CannotStart(f"{operation} refuses what the pool to copy has: {error.message.strip()}") from error
