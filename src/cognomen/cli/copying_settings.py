"""What `cognomen import cognito` copies of a pool beside itself: risk configuration, log delivery, sessions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from cognomen.api import errors, idp
from cognomen.api.operation import OPERATIONS
from cognomen.cli.seed_file import fields
from cognomen.context import Context
from cognomen.storage.errors import CannotStart

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


async def operate(cx: Context, operation: str, members: dict[str, Any]) -> None:
    """One of our operations with what the source's twin showed. Raises CannotStart."""
    known = OPERATIONS.by_name["cognito-idp", operation]
    shape = getattr(idp, f"{operation}Request")
    try:
        await known.handler(cx, known.decode({name: value for name, value in members.items() if name in fields(shape)}))
    except errors.ServiceError as error:
        raise CannotStart(f"{operation} refuses what the pool to copy has: {error.message.strip()}") from error
