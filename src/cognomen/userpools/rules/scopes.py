"""The standard scopes: what each shows of a user, and when there is an id token.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-define-resource-servers.html ("About scopes")
"""

from __future__ import annotations

SELF = "aws.cognito.signin.user.admin"  # the user pools API, on the user's own account; all that a sign-in through the API has
OPENID, EMAIL, PHONE, PROFILE = "openid", "email", "phone", "profile"
STANDARD = frozenset((OPENID, EMAIL, PHONE, PROFILE, SELF))
_SHOWN = {EMAIL: frozenset(("email", "email_verified")), PHONE: frozenset(("phone_number", "phone_number_verified"))}
_ELSEWHERE = frozenset().union(*_SHOWN.values())


def has_id_token(scope: str) -> bool:
    """`scope` is a session's. One that began at the API has both tokens, and so has a browser's with that scope alone: it may read the user's
    attributes by GetUser anyway."""
    return scope == SELF or OPENID in scope.split(" ")


def shown(readable: frozenset[str], scope: str) -> frozenset[str]:
    """Those of the attributes that a client may read which the scopes show: `openid` alone all, beside others what these name. `profile` stands
    for everything that the others do not name, custom attributes too."""
    if scope == SELF:
        return readable
    named = set(scope.split(" ")) & {EMAIL, PHONE, PROFILE}
    if not named:
        return readable
    given = {attribute for name in named if name != PROFILE for attribute in _SHOWN[name]}
    return frozenset(each for each in readable if each in given or (PROFILE in named and each not in _ELSEWHERE))
