"""Providers that anybody in the world has a token of, and the trust policies that must say for which application it is to be. Pure.

Their names are those under which STS knows them without being told (id_roles_providers_oidc.html of IAM's guide).
"""

from __future__ import annotations

from typing import Final

from cognomen.policies.document import Policy

COGNITO: Final = "cognito-identity.amazonaws.com"
GOOGLE: Final = "accounts.google.com"
FACEBOOK: Final = "graph.facebook.com"
AMAZON: Final = "www.amazon.com"
EVERYBODYS: Final = frozenset((COGNITO, GOOGLE, FACEBOOK, AMAZON))


def open_to(trust: Policy) -> str | None:
    """A provider of those that the policy trusts without any condition, so that everybody had the role. IAM refuses it for identity pools
    (identity-pools-security-best-practices.html of Cognito's guide); that it is refused for the others is ours."""
    named = {
        name
        for statement in trust.statements
        if statement.allows and not statement.conditions
        for name in (statement.principals or {}).get("Federated", ())
    }
    return min(named & EVERYBODYS, default=None)
