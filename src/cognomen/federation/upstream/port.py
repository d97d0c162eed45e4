"""The port to a provider at which users of a pool sign in: `leave` says where the browser goes, `take` what the provider says of who came back.

One file for each kind of provider; upstreams.py is the table of them. Whether the browser is the one that left is asked before `take`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec


class Departure(msgspec.Struct, frozen=True):
    """Where the browser goes, and what is to be `kept` until it comes back: sealed, bound to the browser, given back once."""

    url: str
    kept: dict[str, str]


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as a pool registered it: `details` with secrets and addresses in AWS's names, `facts` of its own document, `claims` that are
    mapped. SAML: `entity_id` is the pool's own name there, `signing_key` and `encryption_key` are private keys in DER."""

    pool_id: str
    name: str
    kind: str
    details: Mapping[str, str]
    facts: Mapping[str, Any]
    claims: tuple[str, ...] = ()
    entity_id: str = ""
    signing_key: bytes | None = None
    encryption_key: bytes | None = None

    def __repr__(self) -> str:
        return f"Registered(name={self.name!r}, ***)"


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in on its way. `callback` is where the provider sends the browser; `now` in epoch seconds; `acr` are the provider's own values."""

    callback: str
    state: str
    now: float
    login_hint: str = ""
    lang: str = ""
    acr: str = ""
    fresh: bool = False


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says of a user. `subject` is theirs for good there. `claims` is all that may be mapped; the others are its parts, as a
    function sees them. A SAML assertion is good once: `assertion_id` is to be remembered until `until`."""

    subject: str
    claims: Mapping[str, Any]
    issuer: str = ""
    token_response: Mapping[str, Any] | None = None
    id_token: Mapping[str, Any] | None = None
    user_info: Mapping[str, Any] | None = None
    saml_response: Mapping[str, Any] | None = None
    assertion_id: str = ""
    until: float = 0.0

    def __repr__(self) -> str:
        return "Told(***)"


class Upstream(Protocol):
    """Both raise connector.Refused and connector.Unavailable, whose texts are public."""

    async def leave(self, provider: Registered, trip: Trip) -> Departure: ...

    async def take(self, provider: Registered, returned: Mapping[str, str], kept: Mapping[str, str], trip: Trip) -> Told: ...


class Declined(Exception):
    """The provider sent the browser back with an error of its own (RFC 6749, 4.1.2.1): its code and description, cut to what may be shown."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description or code)
        self.code = code
        self.description = description
