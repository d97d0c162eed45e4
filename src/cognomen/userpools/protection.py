"""Threat protection outside of the sign-in machine: whether it is on, what is configured, where a request comes from, and the record of
what a user did.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-settings-threat-protection.html
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.kernel import ids
from cognomen.kernel.events import AuthEventStored
from cognomen.storage.clients import Client
from cognomen.storage.engine import Tx
from cognomen.storage.pools import Pool
from cognomen.storage.risk import AuthEvent
from cognomen.storage.users import User
from cognomen.userpools import nobody
from cognomen.userpools.rules import context_data, networks
from cognomen.userpools.rules.risk import Seen

SaidContext = idp.UserContextDataType | idp.ContextDataType | None

_KEPT_SECONDS = 730 * 86_400.0  # "User event history is retained for two years by Amazon Cognito"
_FAILURES, _OTHERS = 500, 1_000  # events of one user, before the first sixty-fourth that trims
_NO_SETTINGS = idp.RiskConfigurationType()
_EVERY_EVENT = ("SIGN_IN", "PASSWORD_CHANGE", "SIGN_UP")


class Stored(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event as it is kept: what AdminListUserAuthEvents shows, and what feedback on it needs."""

    shown: idp.AuthEventType
    seen: Seen = Seen()
    client_id: str = ""


class Happening(msgspec.Struct, kw_only=True):
    """What is going on, to be recorded when it ends. `user` is set once it is known whose it is."""

    mode: str
    settings: idp.RiskConfigurationType
    user: User | None = None
    compromised: bool = False
    blocked: bool = False


def mode(pool: Pool, flow: str = "") -> str:
    """OFF, AUDIT or ENFORCED; of custom authentication, which is set apart."""
    add_ons = pool.settings.pool.user_pool_add_ons
    if add_ons is None:
        return "OFF"
    if flow == "CUSTOM_AUTH":
        further = add_ons.advanced_security_additional_flows
        return (further and further.custom_auth_mode) or "OFF"
    return add_ons.advanced_security_mode


def check_enabled(pool: Pool) -> None:
    """Raises UserPoolAddOnNotEnabledException where threat protection is off for all flows."""
    if mode(pool) == "OFF" and mode(pool, "CUSTOM_AUTH") == "OFF":
        raise errors.UserPoolAddOnNotEnabledException("User pool add-ons are not enabled.")


async def configuration(cx: Context, pool: Pool, client_id: str) -> idp.RiskConfigurationType:
    """The client's own configuration as a whole, else the pool's, else an empty one, which stands for the defaults."""
    stored = cx.store.risk_configurations
    return (client_id and await stored.get(pool.pool_id, client_id)) or await stored.get(pool.pool_id) or _NO_SETTINGS


def seen(cx: Context, pool: Pool, client: Client | None, context: SaidContext) -> Seen:
    """Where the request comes from. A server that is trusted (IAM, or a client with a secret that may) names its user's address; of anybody
    else it is the connection's."""
    address, agent, encoded = cx.source_ip, cx.user_agent, ""
    if isinstance(context, idp.ContextDataType):
        headers = {(header.header_name or "").lower(): header.header_value or "" for header in context.http_headers}
        address, agent, encoded = context.ip_address, headers.get("user-agent", ""), context.encoded_data or ""
    elif context is not None:
        encoded = context.encoded_data or ""
        if context.ip_address is not None and client is not None and _may_name_address(client):
            address = context.ip_address
    device = context_data.device(encoded, agent, pool_id=pool.pool_id, client_id=client.client_id if client else "")
    mark = device.mark and cx.sealer.mac("device", pool.pool_id.encode(), device.mark.encode("utf-8", "surrogatepass")).hex()[:32]
    known = networks.address(address)
    where = cx.places.of(known)
    place = f"{where.country}/{where.city}" if where.country else networks.place(known)
    return Seen(known, place, mark, device.name, device.timezone, where.city, where.country)


def _may_name_address(client: Client) -> bool:
    return bool(client.settings.enable_propagate_additional_user_context_data and client.secrets)


def is_blocked(settings: idp.RiskConfigurationType, where: Seen) -> bool:
    exceptions = settings.risk_exception_configuration
    return exceptions is not None and networks.within(where.address, exceptions.blocked_ip_range_list or ())


def is_skipped(settings: idp.RiskConfigurationType, where: Seen) -> bool:
    exceptions = settings.risk_exception_configuration
    return exceptions is not None and networks.within(where.address, exceptions.skipped_ip_range_list or ())


def blocks_compromised(settings: idp.RiskConfigurationType, kind: str) -> bool | None:
    """Of a compromised password in an event of this kind: is it blocked? None where it is not even looked for. By default all are blocked."""
    given = settings.compromised_credentials_risk_configuration
    if given is None:
        return True
    if kind not in (given.event_filter or _EVERY_EVENT):
        return None
    return given.actions.event_action == "BLOCK"


@asynccontextmanager
async def event(
    cx: Context, pool: Pool, client: Client, kind: str, user: User | None, context: SaidContext = None, *, typed: str | None = None
) -> AsyncIterator[Happening]:
    """Around what a user does beside signing in (`kind` is AWS's EventType): refuses blocked addresses, and records how it ended.

    Nothing at all where threat protection is off. A name that nobody has (`typed`) costs the same as a user. Raises NotAuthorizedException.
    """
    happening = Happening(mode=mode(pool), settings=_NO_SETTINGS, user=user)
    if happening.mode == "OFF":
        yield happening
        return
    happening.settings = await configuration(cx, pool, client.client_id)
    where = seen(cx, pool, client, context)
    happening.blocked = happening.mode == "ENFORCED" and is_blocked(happening.settings, where)
    response = "Fail"
    try:
        if happening.blocked:
            raise not_allowed()
        yield happening
        response = "Pass"
    finally:
        if happening.user is not None or typed is not None:
            subject = happening.user.sub if happening.user else nobody.subject(cx, pool, typed or "")
            shown = idp.AuthEventType(
                event_id=ids.uuid(),
                event_type=kind,
                creation_date=cx.clock.now(),
                event_response=response,
                event_risk=idp.EventRiskType(
                    risk_decision="Block" if happening.blocked else "NoRisk",
                    compromised_credentials_detected=happening.compromised,
                ),
                event_context_data=context_shown(where),
            )
            row = row_of(pool, subject, Stored(shown, where, client.client_id), known=happening.user is not None)
            await cx.store.write(lambda tx: put(cx, tx, row))
            if happening.user is not None:
                tell(cx, happening.user, client.client_id, shown)


async def refuse_compromised(cx: Context, happening: Happening, kind: str, password: str) -> None:
    """A new password that is on the list. Raises InvalidPasswordException where that is to be blocked."""
    if happening.mode == "OFF":
        return
    blocks = blocks_compromised(happening.settings, kind)
    if blocks is None or not await cx.compromised.contain(password, cx.workers):
        return
    happening.compromised = True
    if blocks and happening.mode == "ENFORCED":
        happening.blocked = True
        raise errors.InvalidPasswordException("Provided password cannot be used for security reasons.")


def not_allowed() -> errors.NotAuthorizedException:
    return errors.NotAuthorizedException("Request not allowed due to security reasons.")


def context_shown(where: Seen) -> idp.EventContextDataType:
    """What is not known is left out, as AWS leaves it out."""
    return idp.EventContextDataType(
        ip_address=where.address or None,
        device_name=where.device_name or None,
        timezone=where.timezone or None,
        city=where.city or None,
        country=where.country or None,
    )


def row_of(pool: Pool, subject: str, stored: Stored, *, known: bool) -> AuthEvent:
    """The row of an event; of somebody who is not `known` it is gone with the next sweep."""
    shown = stored.shown
    created_at = shown.creation_date or 0.0
    return AuthEvent(
        pool_id=pool.pool_id,
        sub=subject,
        created_at=created_at,
        event_id=shown.event_id or "",
        response=shown.event_response or "",
        body=msgspec.json.encode(stored),
        expires_at=created_at + _KEPT_SECONDS if known else created_at,
    )


async def put(cx: Context, tx: Tx, row: AuthEvent) -> None:
    """Within a unit: keeps the event, and one time in sixty-four lets go of a user's oldest, so that nobody can fill the disk."""
    await cx.store.auth_events.put(tx, row)
    if int(row.event_id[-2:], 16) % 64 == 0:
        await cx.store.auth_events.trim(tx, row.pool_id, row.sub, failures=_FAILURES, others=_OTHERS)


def tell(cx: Context, user: User, client_id: str, shown: idp.AuthEventType) -> None:
    risk = shown.event_risk or idp.EventRiskType()
    where = shown.event_context_data or idp.EventContextDataType()
    cx.tell(
        AuthEventStored,
        user.pool_id,
        sub=user.sub,
        username=user.username,
        client_id=client_id,
        event_id=shown.event_id or "",
        event_type=shown.event_type or "",
        response=shown.event_response or "",
        decision=risk.risk_decision or "NoRisk",
        level=risk.risk_level or "",
        compromised=bool(risk.compromised_credentials_detected),
        challenges=tuple(f"{each.challenge_name}:{each.challenge_response}" for each in shown.challenge_responses or []),
        device_name=where.device_name or "",
        address=where.ip_address or "",
        city=where.city or "",
        country=where.country or "",
    )
