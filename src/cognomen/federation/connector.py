"""The port to a provider: what it issued goes in, who it is for comes out. One file for each kind of provider; app.py makes the table of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from cognomen.storage.openid_providers import OpenIdProvider

OIDC = "oidc"  # the kinds of providers that are registered; the others go by their own names (graph.facebook.com)
SAML = "saml"
GOOGLE = "accounts.google.com"  # known by its own name and, to apps on several platforms, registered too


class Refused(Exception):
    """The token is not good. The text is public: one clause that says why, and quotes nothing of the token but times."""


class Unavailable(Exception):
    """The provider could not be asked, so nothing is known of the token. The text is one clause without the token."""


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What the token must be of. `provider` is the provider's name: an issuer without its scheme, a domain, a SAML provider's ARN. `audiences` are
    the applications that it may be for, in the provider's own ids; None where whoever asks looks at that. `now` in epoch seconds. `thumbprints` name
    certificates that vouch for the provider where no public one does."""

    provider: str
    audiences: tuple[str, ...] | None
    now: float
    thumbprints: tuple[str, ...] = ()

    def is_for(self, audience: object) -> bool:
        return isinstance(audience, str) and bool(audience) and (self.audiences is None or audience in self.audiences)


def expected_of(provider: OpenIdProvider, now: float) -> Expected:
    """What a token of a provider must be that IAM registered."""
    return Expected(provider=provider.url, audiences=tuple(provider.client_ids), now=now, thumbprints=tuple(provider.thumbprints))


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """Who it is for: `subject` is theirs for good at this provider; `claims` is all that the provider says, for rules and mappings."""

    subject: str
    audience: str
    claims: Mapping[str, Any]
    issuer: str = ""


class Connector(Protocol):
    async def verify(self, token: str, expected: Expected) -> Verified:
        """Raises Refused, Unavailable."""
        ...


Connectors = Mapping[str, Connector]


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Where providers are asked. Tests and those who sit behind a proxy put others in their place."""

    google_keys: str = "https://www.googleapis.com/oauth2/v3/certs"
    apple_keys: str = "https://appleid.apple.com/auth/keys"
    facebook: str = "https://graph.facebook.com"
    amazon: str = "https://api.amazon.com"
    twitter: str = "https://api.twitter.com"
    digits: str = "https://api.digits.com"
    google_authorize: str = "https://accounts.google.com/o/oauth2/v2/auth"
    google_token: str = "https://www.googleapis.com/oauth2/v4/token"
    google_people: str = "https://people.googleapis.com"
    apple: str = "https://appleid.apple.com"
    facebook_dialog: str = "https://www.facebook.com"
    amazon_authorize: str = "https://www.amazon.com/ap/oa"


def is_this_machine(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")
