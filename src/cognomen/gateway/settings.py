"""What the section `gateway` of the settings may say; each refusal is one sentence that names the setting, and never holds a secret."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from cognomen.config import BadSetting, check_address
from cognomen.config_tables import GatewayRoute, GatewaySettings

_HOST = re.compile(r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?")
_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
_API = re.compile(r"[A-Za-z0-9_-]{1,128}")


def check(gateway: GatewaySettings) -> None:
    """Raises BadSetting."""
    if not gateway.routes:
        raise BadSetting("gateway needs at least one route: [gateway.routes.NAME]")
    places: dict[tuple[str, str], str] = {}
    for name, route in gateway.routes.items():
        where = f"gateway.routes.{name}"
        _check_route(where, route)
        if (other := places.setdefault((route.host, route.path), where)) != where:
            raise BadSetting(f"{where} and {other} have the same host and path")


def _check_route(where: str, route: GatewayRoute) -> None:
    if route.kind not in ("s3", "http"):
        raise BadSetting(f"{where}.kind must be s3 or http")
    check_address(f"{where}.url", route.url or "none")
    parts = urlsplit(route.url)
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise BadSetting(f"{where}.url must be an address without a path or a user name: https://store.example.com:9000")
    if not _HOST.fullmatch(route.host):
        raise BadSetting(f"{where}.host must be a host name in small letters, without a port")
    if not 0.1 <= route.seconds <= 3600:
        raise BadSetting(f"{where}.seconds must lie between 0.1 and 3600")
    if route.ca_file and not Path(route.ca_file).is_file():
        raise BadSetting(f"{where}.ca_file: there is no file {route.ca_file}")
    if route.kind == "s3" and route.path:
        raise BadSetting(f"{where}.path: an S3 client signs the bucket as the first part of the path, so such a route has a host or none")
    if route.kind == "http":
        _check_service(where, route)


def _check_service(where: str, route: GatewayRoute) -> None:
    if route.path and not _PATH.fullmatch(route.path):
        raise BadSetting(f"{where}.path must begin with a slash, end without one, and be written without percent signs")
    if route.authorization not in ("token", "sigv4"):
        raise BadSetting(f"{where}.authorization must be token or sigv4")
    if route.authorization == "token" and not route.pools:
        raise BadSetting(f"{where}.pools must name the user pools whose tokens count")
    if not route.token_use or not set(route.token_use) <= {"access", "id"}:
        raise BadSetting(f"{where}.token_use must be access, id or both")
    if route.scopes and route.token_use != ("access",):
        raise BadSetting(f'{where}.scopes are in access tokens only: token_use must be ["access"]')
    if route.authorization == "sigv4" and not _API.fullmatch(route.api_id):
        raise BadSetting(f"{where}.api_id must be the letters, digits and hyphens by which policies name it")
    if not _API.fullmatch(route.stage):
        raise BadSetting(f"{where}.stage must be letters, digits and hyphens")
