"""How long an app client's tokens are good, and the ranges that AWS allows.

https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolClient.html: id and access tokens 5 minutes to
1 day, refresh tokens 60 minutes to 10 years; without units hours, and for refresh tokens days.
"""

from __future__ import annotations

from cognomen.api import errors, idp
from cognomen.storage.clients import Client

_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400}
_HOUR, _DAY = 3_600, 86_400
_DEFAULT_REFRESH = 30 * _DAY
_LONGEST_REFRESH = 10 * 365 * _DAY


def access_seconds(client: Client) -> int:
    units = client.settings.token_validity_units
    return _seconds(client.settings.access_token_validity, units.access_token if units else None, "hours") or _HOUR


def id_seconds(client: Client) -> int:
    units = client.settings.token_validity_units
    return _seconds(client.settings.id_token_validity, units.id_token if units else None, "hours") or _HOUR


def refresh_seconds(client: Client) -> int:
    units = client.settings.token_validity_units
    return _seconds(client.settings.refresh_token_validity, units.refresh_token if units else None, "days") or _DEFAULT_REFRESH


def check(settings: idp.UserPoolClientType) -> None:
    """Raises InvalidParameterException (FIDELITY B.9.72) when a validity is out of its range."""
    units = settings.token_validity_units or idp.TokenValidityUnitsType()
    access = _seconds(settings.access_token_validity, units.access_token, "hours") or _HOUR
    identity = _seconds(settings.id_token_validity, units.id_token, "hours") or _HOUR
    refresh = _seconds(settings.refresh_token_validity, units.refresh_token, "days") or _DEFAULT_REFRESH
    if not (300 <= access <= _DAY and 300 <= identity <= _DAY and _HOUR <= refresh <= _LONGEST_REFRESH):
        raise errors.InvalidParameterException("Invalid range for token validity.")


def _seconds(amount: int | None, unit: str | None, default_unit: str) -> int:
    return (amount or 0) * _SECONDS[unit or default_unit]
