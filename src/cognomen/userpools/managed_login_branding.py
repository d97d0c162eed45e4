"""Managed login styles: a document of settings and images for the pages of one client. A client has one style at most."""

from __future__ import annotations

from typing import Any

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel import ids
from cognomen.storage.branding import Asset, Image, Style
from cognomen.storage.errors import Missing, Taken
from cognomen.userpools import find
from cognomen.userpools.rules import branding_settings, images

_MOST = 40  # images of a style
Place = tuple[str, str, str | None]  # category, colour mode, resource id
_ONLY = {"FAVICON_ICO": "ICO", "FAVICON_SVG": "SVG"}


@op
async def create_managed_login_branding(
    cx: Context, request: idp.CreateManagedLoginBrandingRequest
) -> idp.CreateManagedLoginBrandingResponse:
    pool, client = await find.client_in(cx, request.user_pool_id, request.client_id)
    _check(request.use_cognito_provided_values, request.settings, request.assets)
    branding_id, now = ids.uuid(), cx.clock.now()
    places, files = _read(branding_id, request.assets or [])
    assets = _placed(places, ())
    provided = bool(request.use_cognito_provided_values)
    settings = None if provided else msgspec.json.encode({} if request.settings is None else request.settings)
    style = Style(pool.pool_id, branding_id, client.client_id, now, now, provided, settings, assets)
    try:
        await cx.store.branding.add_style(style, files)
    except Missing as cause:
        raise find.no_client(client.client_id) from cause
    except Taken as cause:
        text = f"Managed login branding already exists for the client {client.client_id}."
        raise errors.ManagedLoginBrandingExistsException(text) from cause
    return idp.CreateManagedLoginBrandingResponse(managed_login_branding=await _shown(cx, style))


def _check(provided: bool | None, settings: Any, assets: list[idp.AssetType] | None) -> None:
    """Raises InvalidParameterException."""
    if provided and (settings is not None or assets):
        raise errors.InvalidParameterException("Settings and Assets must be omitted when UseCognitoProvidedValues is true.")
    if settings is not None:
        _check_settings(settings)


def _check_settings(settings: Any) -> None:
    try:
        branding_settings.check(settings)
    except branding_settings.BadSettings as cause:
        raise errors.InvalidParameterException(f"Invalid settings: {cause}") from cause


def _read(branding_id: str, given: list[idp.AssetType]) -> tuple[dict[Place, Asset | None], list[Image]]:
    """What is to stand in which place (None: what stands there already), and the new bytes. Raises InvalidParameterException."""
    places: dict[Place, Asset | None] = {}
    files: list[Image] = []
    for each in given:
        place = each.category, each.color_mode, each.resource_id
        if place in places:
            raise errors.InvalidParameterException(f"Assets has two images for {each.category} in the mode {each.color_mode}.")
        places[place] = None
        if each.bytes is not None:
            _check_image(each, each.bytes)
            image = Image(images.image_id(f"{branding_id}/{place}", each.bytes), each.extension, each.bytes)
            files.append(image)
            places[place] = Asset(each.category, each.color_mode, each.extension, each.resource_id, image.image_id)
    return places, files


def _placed(places: dict[Place, Asset | None], present: tuple[Asset, ...]) -> tuple[Asset, ...]:
    """All assets after those of a request took their places. Raises InvalidParameterException."""
    result = {asset.place: asset for asset in present}
    for place, asset in places.items():
        if asset is not None:
            result[place] = asset
        elif place not in result:
            raise errors.InvalidParameterException(f"The asset {place[0]} in the mode {place[1]} has no Bytes.")
    if len(result) > _MOST:
        raise errors.InvalidParameterException(f"A branding style has at most {_MOST} assets.")
    return tuple(result.values())


def _check_image(asset: idp.AssetType, content: bytes) -> None:
    wanted = _ONLY.get(asset.category)
    if wanted is not None and asset.extension != wanted:
        raise errors.InvalidParameterException(f"The asset {asset.category} must have the extension {wanted}.")
    try:
        images.check(content, asset.extension)
    except images.NotImage as cause:
        raise errors.InvalidParameterException(f"The asset {asset.category} cannot be used: {cause}") from cause


@op
async def describe_managed_login_branding(
    cx: Context, request: idp.DescribeManagedLoginBrandingRequest
) -> idp.DescribeManagedLoginBrandingResponse:
    pool = await find.pool(cx, request.user_pool_id)
    style = await cx.store.branding.style(pool.pool_id, request.managed_login_branding_id)
    if style is None:
        raise _no_style()
    shown = await _shown(cx, style, merge=bool(request.return_merged_resources))
    return idp.DescribeManagedLoginBrandingResponse(managed_login_branding=shown)


@op
async def describe_managed_login_branding_by_client(
    cx: Context, request: idp.DescribeManagedLoginBrandingByClientRequest
) -> idp.DescribeManagedLoginBrandingByClientResponse:
    pool, client = await find.client_in(cx, request.user_pool_id, request.client_id)
    style = await cx.store.branding.style_of(pool.pool_id, client.client_id)
    if style is None:
        raise _no_style()
    shown = await _shown(cx, style, merge=bool(request.return_merged_resources))
    return idp.DescribeManagedLoginBrandingByClientResponse(managed_login_branding=shown)


@op
async def update_managed_login_branding(
    cx: Context, request: idp.UpdateManagedLoginBrandingRequest
) -> idp.UpdateManagedLoginBrandingResponse:
    """Settings and assets that the request does not name stay, so that a large style can be sent in parts. UseCognitoProvidedValues drops them all."""
    if request.user_pool_id is None or request.managed_login_branding_id is None:
        raise errors.InvalidParameterException("UserPoolId and ManagedLoginBrandingId must be given.")
    pool = await find.pool(cx, request.user_pool_id)
    branding_id = request.managed_login_branding_id
    _check(request.use_cognito_provided_values, request.settings, request.assets)
    now = cx.clock.now()
    places, files = _read(branding_id, request.assets or [])

    def update(present: Style) -> Style:
        provided = bool(request.use_cognito_provided_values)
        if provided:
            return msgspec.structs.replace(present, modified_at=now, provided=True, settings=None, assets=())
        before = msgspec.json.decode(present.settings) if present.settings else {}
        settings = branding_settings.merged(before, request.settings or {})
        _check_settings(settings)  # each part was right, and their sum may be too large
        assets = _placed(places, present.assets)
        return msgspec.structs.replace(present, modified_at=now, provided=False, settings=msgspec.json.encode(settings), assets=assets)

    try:
        style = await cx.store.branding.change_style(pool.pool_id, branding_id, update, files)
    except Missing as cause:
        raise _no_style() from cause
    return idp.UpdateManagedLoginBrandingResponse(managed_login_branding=await _shown(cx, style))


@op
async def delete_managed_login_branding(cx: Context, request: idp.DeleteManagedLoginBrandingRequest) -> None:
    pool = await find.pool(cx, request.user_pool_id)
    try:
        await cx.store.branding.remove_style(pool.pool_id, request.managed_login_branding_id)
    except Missing as cause:
        raise _no_style() from cause


def _no_style() -> errors.ResourceNotFoundException:
    return errors.ResourceNotFoundException("Managed login branding not found.")


async def _shown(cx: Context, style: Style, *, merge: bool = False) -> idp.ManagedLoginBrandingType:
    """With `merge`, the server's own values stand where the style has none."""
    own = msgspec.json.decode(style.settings) if style.settings else None
    settings = branding_settings.merged(branding_settings.DEFAULTS, own or {}) if merge else own
    bytes_of = await cx.store.branding.images(style.pool_id, style.branding_id) if style.assets else {}
    return idp.ManagedLoginBrandingType(
        managed_login_branding_id=style.branding_id,
        user_pool_id=style.pool_id,
        use_cognito_provided_values=style.provided,
        settings=settings,
        assets=[
            idp.AssetType(
                category=asset.category,
                color_mode=asset.color_mode,
                extension=asset.extension,
                bytes=bytes_of.get(asset.image_id),
                resource_id=asset.resource_id,
            )
            for asset in style.assets
        ]
        or None,
        creation_date=style.created_at,
        last_modified_date=style.modified_at,
    )
