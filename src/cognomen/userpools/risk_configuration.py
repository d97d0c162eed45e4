"""How a pool, or one client of it, answers to risks. A client's configuration stands instead of the pool's, as a whole."""

from __future__ import annotations

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.storage.errors import Missing
from cognomen.storage.pools import Pool
from cognomen.storage.risk import WHOLE_POOL
from cognomen.userpools import find
from cognomen.userpools.rules import networks


@op
async def set_risk_configuration(cx: Context, request: idp.SetRiskConfigurationRequest) -> idp.SetRiskConfigurationResponse:
    """Replaces the whole configuration: a block that is left out is removed. Without any, the pool has the defaults and a client the pool's."""
    pool = await _pool(cx, request.user_pool_id, request.client_id)
    client_id = request.client_id or WHOLE_POOL
    given = idp.RiskConfigurationType(
        compromised_credentials_risk_configuration=request.compromised_credentials_risk_configuration,
        account_takeover_risk_configuration=request.account_takeover_risk_configuration,
        risk_exception_configuration=request.risk_exception_configuration,
    )
    if given == idp.RiskConfigurationType():
        await cx.store.risk_configurations.remove(pool.pool_id, client_id)
        return idp.SetRiskConfigurationResponse(risk_configuration=_shown(pool, request.client_id, given))
    if pool.settings.pool.user_pool_tier != "PLUS":
        raise errors.UserPoolAddOnNotEnabledException(
            "Threat protection is not available in this tier. Change the user pool to the Plus tier."
        )
    _check(given)
    given.last_modified_date = cx.clock.now()
    try:
        await cx.store.risk_configurations.put(pool.pool_id, client_id, given, cx.clock.now())
    except Missing as cause:
        raise find.no_client(client_id) from cause
    return idp.SetRiskConfigurationResponse(risk_configuration=_shown(pool, request.client_id, given))


@op
async def describe_risk_configuration(cx: Context, request: idp.DescribeRiskConfigurationRequest) -> idp.DescribeRiskConfigurationResponse:
    """What was set for exactly this pool or client; of what was not set only the ids are there."""
    pool = await _pool(cx, request.user_pool_id, request.client_id)
    found = await cx.store.risk_configurations.get(pool.pool_id, request.client_id or WHOLE_POOL)
    return idp.DescribeRiskConfigurationResponse(risk_configuration=_shown(pool, request.client_id, found or idp.RiskConfigurationType()))


async def _pool(cx: Context, pool_id: str, client_id: str | None) -> Pool:
    if client_id is None:
        return await find.pool(cx, pool_id)
    return (await find.client_in(cx, pool_id, client_id))[0]


def _shown(pool: Pool, client_id: str | None, given: idp.RiskConfigurationType) -> idp.RiskConfigurationType:
    return msgspec.structs.replace(given, user_pool_id=pool.pool_id, client_id=client_id)


def _check(given: idp.RiskConfigurationType) -> None:
    """What the model cannot say. Raises InvalidParameterException."""
    exceptions = given.risk_exception_configuration
    if exceptions is not None:
        for listed in (exceptions.blocked_ip_range_list, exceptions.skipped_ip_range_list):
            try:
                networks.ranges(listed or ())
            except networks.BadRange as cause:
                raise errors.InvalidParameterException(f"Invalid IP range {str(cause)[:64]}: it must be in CIDR notation.") from cause
    takeover = given.account_takeover_risk_configuration
    notify = takeover.notify_configuration if takeover else None
    if notify is not None:
        for name, mail in (("BlockEmail", notify.block_email), ("NoActionEmail", notify.no_action_email), ("MfaEmail", notify.mfa_email)):
            # AWS's own example has both, and so has Terraform: one of them is needed at least.
            if mail is not None and not (mail.html_body or mail.text_body):
                raise errors.InvalidParameterException(f"{name} must have an HtmlBody or a TextBody.")
