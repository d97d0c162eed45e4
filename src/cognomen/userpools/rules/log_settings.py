"""Which log configurations may stand together, and in which pools.

https://docs.aws.amazon.com/cognito/latest/developerguide/exporting-quotas-and-usage.html ("Log level is exclusive to log type")
"""

from __future__ import annotations

from collections.abc import Sequence

from cognomen.api import errors, idp
from cognomen.delivery.logs import destination
from cognomen.delivery.logs.records import NOTIFICATION


def check(pool: idp.UserPoolType, configs: Sequence[idp.LogConfigurationType]) -> None:
    """Raises InvalidParameterException, FeatureUnavailableInTierException."""
    sources = [config.event_source for config in configs]
    if len(set(sources)) < len(sources):
        raise _invalid("LogConfigurations must not name an event source twice.")
    for config in configs:
        try:
            found = destination.of(config)
        except destination.BadDestination as cause:
            raise _invalid(str(cause)) from cause
        if config.event_source == NOTIFICATION:
            if config.log_level != "ERROR":
                raise _invalid("The log level of userNotification must be ERROR.")
            if found.service != "logs":
                raise _invalid("The destination of userNotification must be a CloudWatch Logs log group.")
        else:
            if config.log_level != "INFO":
                raise _invalid("The log level of userAuthEvents must be INFO.")
            _check_threat_protection(pool)


def _check_threat_protection(pool: idp.UserPoolType) -> None:
    if pool.user_pool_tier != "PLUS":
        raise errors.FeatureUnavailableInTierException(
            "Exporting user activity logs is not available in this tier. Change the user pool to the Plus tier."
        )
    mode = pool.user_pool_add_ons.advanced_security_mode if pool.user_pool_add_ons else "OFF"
    if mode == "OFF":
        raise _invalid("Threat protection must be active in the user pool to export user activity logs.")


def _invalid(text: str) -> errors.InvalidParameterException:
    return errors.InvalidParameterException(text)
