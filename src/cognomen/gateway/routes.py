"""The gateway that the settings describe, its routes by name."""

from __future__ import annotations

from pathlib import Path

from cognomen.config import BadSetting, Settings
from cognomen.config_tables import GatewayRoute
from cognomen.gateway.doors import Doors
from cognomen.gateway.http_service import HttpRoute
from cognomen.gateway.s3 import S3Route
from cognomen.gateway.s3_signer import Keys
from cognomen.gateway.settings import check
from cognomen.gateway.site import Gateway, Route
from cognomen.gateway.upstream import Upstream


def gateway_of(settings: Settings, doors: Doors) -> Gateway | None:
    """The gateway that the settings have, None where they have none. Raises BadSetting."""
    if settings.gateway is None:
        return None
    check(settings.gateway)
    return Gateway([_route(settings, doors, name, route) for name, route in settings.gateway.routes.items()])


def _route(settings: Settings, doors: Doors, name: str, route: GatewayRoute) -> Route:
    try:
        upstream = Upstream(route.url, route.seconds, route.ca_file)
        secret = Path(route.secret_access_key_file).read_text().strip() if route.secret_access_key_file else route.secret_access_key
    except (OSError, UnicodeDecodeError) as error:  # ssl.SSLError is an OSError
        raise BadSetting(f"gateway.routes.{name}: a file of it cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if route.kind == "http":
        return Route(name, route.host, route.path, upstream, HttpRoute(doors, upstream, route, settings.region, settings.account))
    region = route.region or settings.region
    keys = Keys(route.access_key_id, secret, "", region)
    if not route.access_key_id:
        keys = Keys(settings.aws_access_key_id, settings.aws_secret_access_key, settings.aws_session_token, region)
    if not (keys.access_key_id and keys.secret_access_key):
        raise BadSetting(f"gateway.routes.{name} needs access_key_id and secret_access_key, the keys of the store")
    return Route(name, route.host, "", upstream, S3Route(doors, upstream, keys, route.host))
