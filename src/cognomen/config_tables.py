"""What stands in the settings' tables, by a name that the operator gives: directories of users, push applications, routes of the gateway."""

from __future__ import annotations

import msgspec


class UserDirectory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where users were before: a pool of Amazon Cognito (`user_pool_id`, `client_id`), or an address (`url`, `secret`)."""

    user_pool_id: str = ""
    client_id: str = ""
    client_secret: str = ""
    endpoint_url: str = ""
    url: str = ""
    secret: str = ""
    private: bool = False


class PushApplication(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A platform application that this server calls itself. `file`: a service account's JSON (GCM), or a .p8 key (APNS)."""

    file: str
    key_id: str = ""
    team_id: str = ""
    topic: str = ""
    url: str = ""
    ca_file: str = ""


class GatewayRoute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way through the gateway: requests of `host` (and below `path`) go to `url` if they may. docs/guide/gateway.md says what each is."""

    kind: str
    url: str
    host: str = ""
    path: str = ""
    seconds: float = 60.0
    ca_file: str = ""
    region: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    secret_access_key_file: str = ""
    authorization: str = "token"
    pools: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    token_use: tuple[str, ...] = ("access",)
    scopes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    forward_token: bool = False
    preflight: bool = False
    api_id: str = ""
    stage: str = "prod"


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section `gateway`: where it listens, and its routes by name."""

    host: str = "127.0.0.1"
    port: int = 2647
    routes: dict[str, GatewayRoute] = {}
