"""Which role an identity gets: the guests' or the default one, by rules, by the token's own claims, or as asked. Pure.

https://docs.aws.amazon.com/cognito/latest/developerguide/role-based-access-control.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from cognomen.api import errors, identity
from cognomen.identitypools.rules import claims as claim_values
from cognomen.identitypools.rules import pool_settings

_ROLE = re.compile(r"arn:aws[\w-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+", re.ASCII)
_MOST_RULES = 25
# Text: aws-amplify/amplify-js #3296 and many others.
UNCONFIGURED = "Invalid identity pool configuration. Check assigned IAM roles for this pool."


class Asked(msgspec.Struct, frozen=True):
    """A login whose token may choose: its provider's mapping and what the token claims."""

    mapping: identity.RoleMapping | None
    claims: Mapping[str, Any]


def check(pool: identity.IdentityPool, roles: Mapping[str, str], mappings: Mapping[str, identity.RoleMapping]) -> None:
    """Raises InvalidParameterException."""
    arns = list(roles.values())
    for provider, mapping in mappings.items():
        if not _is_configured(pool, provider):  # text: aws-cdk #22951
            raise errors.InvalidParameterException(f"({provider}) is not a valid RoleMapping ProviderName or is not a configured provider.")
        if mapping.ambiguous_role_resolution is None:
            raise errors.InvalidParameterException(f"AmbiguousRoleResolution is required for the role mapping of {provider}.")
        rules = mapping.rules_configuration.rules if mapping.rules_configuration else []
        if mapping.type == "Rules" and not rules:
            raise errors.InvalidParameterException(f"RulesConfiguration is required for the role mapping of {provider}.")
        if mapping.type == "Token" and rules:
            raise errors.InvalidParameterException(
                f"RulesConfiguration is not allowed for the role mapping of {provider}, whose type is Token."
            )
        if len(rules) > _MOST_RULES:
            raise errors.InvalidParameterException(f"Up to {_MOST_RULES} rules can be specified for an identity provider.")
        arns += [rule.role_arn for rule in rules]
    wrong = next((arn for arn in arns if not _ROLE.fullmatch(arn)), None)
    if wrong is not None:
        raise errors.InvalidParameterException(f"{wrong} is not the ARN of a role.")


def _is_configured(pool: identity.IdentityPool, provider: str) -> bool:
    """A user pool may be named by any form of its issuer, and followed by its client's id."""
    if provider in pool_settings.providers(pool):
        return True
    place, _, last = provider.rpartition("/")
    user_pool, _, client = last.partition(":")
    return (
        bool(place)
        and "://" not in place
        and any(
            str(one.provider_name).rpartition("/")[2] == user_pool and client in ("", one.client_id)
            for one in pool.cognito_identity_providers or []
        )
    )


def guest_role(roles: Mapping[str, str]) -> str:
    """Raises InvalidIdentityPoolConfigurationException."""
    return _configured(roles.get("unauthenticated"))


def role(roles: Mapping[str, str], asked: Asked, custom: str | None) -> str:
    """Of an authenticated identity. `custom` is what the caller would have: it must be among those that the token may have.

    Raises NotAuthorizedException, InvalidIdentityPoolConfigurationException."""
    mapping = asked.mapping
    if mapping is None:
        # Without a mapping the token chooses nothing, and the caller no other role than the one there is.
        if custom is not None and custom != roles.get("authenticated"):
            raise forbidden(custom)
        return _configured(roles.get("authenticated"))
    chosen = _by_rules(mapping, asked.claims, custom) if mapping.type == "Rules" else _by_token(asked.claims, custom)
    if chosen is None:
        if mapping.ambiguous_role_resolution != "AuthenticatedRole":
            raise errors.NotAuthorizedException("Access denied by the role mapping of this identity pool.")
        chosen = _configured(roles.get("authenticated"))
    return chosen


def _by_rules(mapping: identity.RoleMapping, claims: Mapping[str, Any], custom: str | None) -> str | None:
    """The first rule that matches, unless the caller asks for the role of another that does."""
    rules = mapping.rules_configuration.rules if mapping.rules_configuration else []
    matching = [rule.role_arn for rule in rules if _matches(rule, claim_values.of(claims, rule.claim))]
    if custom is not None:
        if custom not in matching:
            raise forbidden(custom)
        return custom
    return matching[0] if matching else None


def _matches(rule: identity.MappingRule, values: list[str]) -> bool:
    """The claim must be there, for NotEqual too. Of a list one value suffices, and for NotEqual all must differ."""
    if not values:
        return False
    match rule.match_type:
        case "Equals":
            return rule.value in values
        case "Contains":
            return any(rule.value in value for value in values)
        case "StartsWith":
            return any(value.startswith(rule.value) for value in values)
        case _:
            return rule.value not in values


def _by_token(claims: Mapping[str, Any], custom: str | None) -> str | None:
    """`cognito:roles` are those that the user may have, `cognito:preferred_role` the one they get unless they ask for another."""
    allowed = claim_values.of(claims, "cognito:roles")
    preferred = claim_values.of(claims, "cognito:preferred_role")
    if custom is not None:
        if custom not in allowed:
            raise forbidden(custom)
        return custom
    if preferred:
        return preferred[0]
    return allowed[0] if len(allowed) == 1 else None


def _configured(arn: str | None) -> str:
    if arn is None:
        raise errors.InvalidIdentityPoolConfigurationException(UNCONFIGURED)
    return arn


def forbidden(arn: str) -> errors.NotAuthorizedException:
    """Text: aws-cognito-angular-quickstart #35."""
    return errors.NotAuthorizedException(f"Access to Role '{arn}' is forbidden.")
