"""The classic pages' CSS and logo, for all clients of a pool or for one, which has its own instead. They are set together, as at AWS: without
either the customization is removed."""

from __future__ import annotations

import time

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.storage.branding import ALL, Customization, Image
from cognomen.storage.errors import Missing
from cognomen.userpools import find
from cognomen.userpools.rules import css, images

_LARGEST = 100 * 1024  # bytes of a logo


@op
async def set_ui_customization(cx: Context, request: idp.SetUICustomizationRequest) -> idp.SetUICustomizationResponse:
    client_id = request.client_id or ALL
    pool_id = await _pool_of(cx, request.user_pool_id, client_id)
    if not await cx.store.domains.of_pool(pool_id):
        raise errors.InvalidParameterException("There has to be an existing domain associated with this user pool")
    if request.css:
        try:
            css.check(request.css)
        except css.NotCss as cause:
            raise errors.InvalidParameterException(str(cause)) from cause
    image = _image(client_id, request.image_file) if request.image_file else None
    now = cx.clock.now()
    given = Customization(pool_id, client_id, now, now, request.css or None, image.image_id if image else None)
    try:
        kept = await cx.store.branding.put_customization(given, image)
    except Missing as cause:
        raise find.no_client(client_id) from cause
    return idp.SetUICustomizationResponse(ui_customization=_shown(cx, kept))


async def _pool_of(cx: Context, pool_id: str, client_id: str) -> str:
    pool = await find.pool(cx, pool_id) if client_id == ALL else (await find.client_in(cx, pool_id, client_id))[0]
    return pool.pool_id


def _image(client_id: str, content: bytes) -> Image:
    """Raises InvalidParameterException for what is no PNG or JPEG, the kinds that AWS takes here."""
    if len(content) > _LARGEST:
        raise errors.InvalidParameterException("The logo image must have at most 100 KB.")
    extension = images.extension_of(content)
    if extension is None:
        raise errors.InvalidParameterException("The logo image must be a PNG or JPEG file.")
    return Image(images.image_id(client_id, content), extension, content)


@op
async def get_ui_customization(cx: Context, request: idp.GetUICustomizationRequest) -> idp.GetUICustomizationResponse:
    """A client's own, or the pool's; an empty one where there is neither."""
    client_id = request.client_id or ALL
    pool_id = await _pool_of(cx, request.user_pool_id, client_id)
    found = await cx.store.branding.customization(pool_id, client_id) or await cx.store.branding.customization(pool_id, ALL)
    return idp.GetUICustomizationResponse(ui_customization=_shown(cx, found) if found else idp.UICustomizationType())


def _shown(cx: Context, found: Customization) -> idp.UICustomizationType:
    return idp.UICustomizationType(
        user_pool_id=found.pool_id,
        client_id=found.client_id,
        image_url=image_url(cx, found.pool_id, found.image_id) if found.image_id else None,
        css=found.css,
        css_version=time.strftime("%Y%m%d%H%M%S", time.gmtime(found.modified_at)),
        last_modified_date=found.modified_at,
        creation_date=found.created_at,
    )


def image_url(cx: Context, pool_id: str, image_id: str) -> str:
    """Where this server shows an image of a pool's pages."""
    return f"{(cx.settings.public_url or cx.base_url).rstrip('/')}/{pool_id}/branding/{image_id}"
