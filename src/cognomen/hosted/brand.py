"""How a client's pages look: this server's own look, over it the pool's classic customization (a style sheet and a logo) or the client's managed login
style (colours and images), as the domain's ManagedLoginVersion has it; by the pool's path, a style before a customization.

Style sheets and images are addresses of their own under the pool's path. An address has the version in it, so a browser may keep what it got.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cognomen.context import Context
from cognomen.hosted import templates
from cognomen.oauth.doors import Door, door
from cognomen.oauth.errors import ToPage
from cognomen.storage import branding
from cognomen.storage.clients import Client
from cognomen.userpools.rules import branding_settings

_KEPT = {
    "cache-control": "public, max-age=86400, immutable",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
_TYPES = {"ICO": "image/x-icon", "JPEG": "image/jpeg", "PNG": "image/png", "SVG": "image/svg+xml", "WEBP": "image/webp"}
_OWN = "own"
# Custom property of our style sheet -> where the style's document has it, beside the mode.
_COLORS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("--ground", ("components", "pageBackground"), ("color",)),
    ("--paper", ("components", "form"), ("backgroundColor",)),
    ("--edge", ("components", "form"), ("borderColor",)),
    ("--heading", ("components", "pageText"), ("headingColor",)),
    ("--body", ("components", "pageText"), ("bodyColor",)),
    ("--soft", ("components", "pageText"), ("descriptionColor",)),
    ("--label", ("componentClasses", "inputLabel"), ("textColor",)),
    ("--field", ("componentClasses", "input"), ("defaults", "backgroundColor")),
    ("--line", ("componentClasses", "input"), ("defaults", "borderColor")),
    ("--hint", ("componentClasses", "input"), ("placeholderColor",)),
    ("--focus", ("componentClasses", "focusState"), ("borderColor",)),
    ("--divider", ("componentClasses", "divider"), ("borderColor",)),
    ("--link", ("componentClasses", "link"), ("defaults", "textColor")),
    ("--link-over", ("componentClasses", "link"), ("hover", "textColor")),
    ("--primary", ("components", "primaryButton"), ("defaults", "backgroundColor")),
    ("--primary-edge", ("components", "primaryButton"), ("defaults", "borderColor")),
    ("--primary-text", ("components", "primaryButton"), ("defaults", "textColor")),
    ("--primary-over", ("components", "primaryButton"), ("hover", "backgroundColor")),
    ("--primary-over-text", ("components", "primaryButton"), ("hover", "textColor")),
    ("--secondary", ("components", "secondaryButton"), ("defaults", "backgroundColor")),
    ("--secondary-edge", ("components", "secondaryButton"), ("defaults", "borderColor")),
    ("--secondary-text", ("components", "secondaryButton"), ("defaults", "textColor")),
    ("--secondary-over", ("components", "secondaryButton"), ("hover", "backgroundColor")),
    ("--alert", ("components", "alert"), ("error", "backgroundColor")),
    ("--alert-edge", ("components", "alert"), ("error", "borderColor")),
)
_SIZES = (
    ("--round", ("components", "form", "borderRadius")),
    ("--round-button", ("componentClasses", "buttons", "borderRadius")),
    ("--round-field", ("componentClasses", "input", "borderRadius")),
    ("--round-alert", ("components", "alert", "borderRadius")),
)
# Image -> the switch in the document that shows it; each has its place in the page.
_SHOWN = {
    "FORM_LOGO": ("components", "form", "logo", "enabled"),
    "PAGE_HEADER_LOGO": ("components", "pageHeader", "logo", "enabled"),
    "PAGE_FOOTER_LOGO": ("components", "pageFooter", "logo", "enabled"),
    "PAGE_BACKGROUND": ("components", "pageBackground", "image", "enabled"),
    "FORM_BACKGROUND": ("components", "form", "backgroundImage", "enabled"),
}


class Picture(msgspec.Struct, frozen=True):
    """An image for light pages and one for dark pages, perhaps the same."""

    light: str
    dark: str


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses relative to the page. `icons` are images of providers' buttons by the provider's name."""

    style: str
    logo: Picture | None = None
    header: Picture | None = None
    footer: Picture | None = None
    favicon: str | None = None
    icons: Mapping[str, str] = {}


PLAIN = Look(style=f"brand.css?look={_OWN}")  # where nothing says whose page it is


async def look(cx: Context, at: Door, client: Client) -> Look:
    """What a client's pages link to."""
    found = await cx.store.branding.for_client(at.pool.pool_id, client.client_id)
    managed = at.managed if at.managed is not None else found.style is not None
    if managed and found.style is not None and not found.style.provided:
        style = found.style
        images = _images(style, branding_settings.merged(branding_settings.DEFAULTS, msgspec.json.decode(style.settings or b"{}")))
        return Look(
            style=_address(client, "managed", style.modified_at),
            logo=images.get("FORM_LOGO"),
            header=images.get("PAGE_HEADER_LOGO"),
            footer=images.get("PAGE_FOOTER_LOGO"),
            favicon=next((_image(asset.image_id) for asset in style.assets if asset.category.startswith("FAVICON")), None),
            icons={
                asset.resource_id: _image(asset.image_id)
                for asset in style.assets
                if asset.category == "IDP_BUTTON_ICON" and asset.resource_id
            },
        )
    if not managed and (classic := found.customization) is not None:
        logo = Picture(_image(classic.image_id), _image(classic.image_id)) if classic.image_id is not None else None
        return Look(style=_address(client, "classic", classic.modified_at), logo=logo)
    return Look(style=_address(client, _OWN, 0.0))


async def sheet(cx: Context, request: Request) -> Response:
    """The style sheet of a client's pages; this server's own is there for every page, whatever the page was asked for. Raises ToPage."""
    kind = request.query_params.get("look", _OWN)
    if kind == _OWN:
        return Response(_own(), headers=_KEPT, media_type="text/css")
    at = await door(cx, request)
    client = await cx.store.clients.get(at.pool.pool_id, request.query_params.get("client_id", ""))
    if client is None:
        raise ToPage("invalid_request", "App client does not exist.", status=404)
    found = await cx.store.branding.for_client(at.pool.pool_id, client.client_id)
    text = _own()
    if kind == "managed" and found.style is not None:
        text += _managed(found.style)
    elif kind == "classic" and found.customization is not None:
        text = _classic(found.customization)
    return Response(text, headers=_KEPT, media_type="text/css")


async def image(cx: Context, at: Door, request: Request) -> Response:
    """An image of the pool's. In a context of its own it is a picture and nothing else. Raises ToPage."""
    found = await cx.store.branding.asset(at.pool.pool_id, request.path_params["image_id"])
    if found is None:
        raise ToPage("invalid_request", "There is no such image.", status=404)
    return Response(found.content, headers=_KEPT, media_type=_TYPES[found.extension])


def routes(context: Callable[[Request], Context]) -> Sequence[BaseRoute]:
    async def answer_sheet(request: Request) -> Response:
        return await sheet(context(request), request)

    async def answer_image(request: Request) -> Response:
        cx = context(request)
        return await image(cx, await door(cx, request), request)

    return [
        Route("/{pool_id}/brand.css", answer_sheet),
        Route("/{pool_id}/{folder}/brand.css", answer_sheet),  # beside /oauth2/authorize, which may answer with a page
        Route("/{pool_id}/branding/{image_id}", answer_image),
    ]


def _own() -> str:
    return templates.text("sign-in.css") + templates.text("sign-in-dark.css")


def _classic(customization: branding.Customization) -> str:
    """Its colours are made for light pages: with our dark ones beside them, text would be lost on its ground."""
    return f"{templates.text('sign-in.css')}:root{{color-scheme:light;--primary-edge:transparent}}\n{customization.css or ''}"


def _managed(style: branding.Style) -> str:
    """The document as values of our own style sheet: what it does not say keeps this server's value."""
    document = branding_settings.merged(branding_settings.DEFAULTS, msgspec.json.decode(style.settings or b"{}"))
    sizes = "".join(f"{name}:{float(value):g}px;" for name, path in _SIZES if isinstance(value := _at(document, path), int | float))
    light, dark = _colors(document, "lightMode"), _colors(document, "darkMode")
    mode = _at(document, ("categories", "global", "colorSchemeMode"))
    always = {"LIGHT": light, "DARK": dark}.get(str(mode), light)
    text = f"\n:root{{color-scheme:{ {'LIGHT': 'light', 'DARK': 'dark'}.get(str(mode), 'light dark') };{sizes}{always}}}"
    text += f"\n@media (prefers-color-scheme:dark){{:root{{{dark if mode not in ('LIGHT', 'DARK') else always}}}}}"
    images = _images(style, document)
    for category, selector in (("PAGE_BACKGROUND", "body"), ("FORM_BACKGROUND", ".card")):
        if (picture := images.get(category)) is not None:
            text += f"\n{selector}{{background-image:url({picture.light});background-size:cover;background-position:center}}"
            text += f"\n@media (prefers-color-scheme:dark){{{selector}{{background-image:url({picture.dark})}}}}"
    return text


def _colors(document: Mapping[str, Any], mode: str) -> str:
    found = ((name, _at(document, (*before, mode, *after))) for name, before, after in _COLORS)
    return "".join(f"{name}:#{value};" for name, value in found if isinstance(value, str))


def _images(style: branding.Style, document: Mapping[str, Any]) -> dict[str, Picture]:
    """The images that the document shows, for a light page and for a dark one: its own before the one for both, and the other where there is none."""
    forced = {"LIGHT": "LIGHT", "DARK": "DARK"}.get(str(_at(document, ("categories", "global", "colorSchemeMode"))))
    shown: dict[str, dict[str, str]] = {}
    for asset in style.assets:
        if asset.category in _SHOWN and _at(document, _SHOWN[asset.category]) is True:
            shown.setdefault(asset.category, {})[asset.color_mode] = _image(asset.image_id)
    return {
        category: Picture(*(_first_of(found, (forced or mode, "DYNAMIC", "LIGHT", "DARK")) for mode in ("LIGHT", "DARK")))
        for category, found in shown.items()
    }


def _first_of(found: Mapping[str, str], modes: Sequence[str]) -> str:
    return next(found[mode] for mode in modes if mode in found)


def _at(document: Mapping[str, Any], path: Sequence[str]) -> Any:
    value: Any = document
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _address(client: Client, kind: str, version: float) -> str:
    return f"brand.css?client_id={client.client_id}&look={kind}&v={version:.3f}"


def _image(image_id: str) -> str:
    return f"branding/{image_id}"
