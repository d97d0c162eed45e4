"""How a pool's pages look: classic customizations (CSS and a logo, for all clients or one) and managed login styles (one for a client).

Bytes of images have a table of their own. An image never changes, so whoever has its id may keep it for ever; none is kept in memory here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec

from cognomen.storage.cache import ConfigCache
from cognomen.storage.engine import Engine, Reader, Row, Tx, Unit
from cognomen.storage.errors import Missing

T = TypeVar("T")
ALL: Final = "ALL"
_CUSTOMIZATION = "pool_id, client_id, created_at, modified_at, css, image_id"
_STYLE = "pool_id, branding_id, client_id, created_at, modified_at, provided, settings, assets"


class Image(msgspec.Struct, frozen=True):
    """`extension` is ICO, JPEG, PNG, SVG or WEBP; `image_id` is new for other bytes."""

    image_id: str
    extension: str
    content: bytes


class Customization(msgspec.Struct, frozen=True):
    """`client_id` is a client's, or ALL."""

    pool_id: str
    client_id: str
    created_at: float
    modified_at: float
    css: str | None
    image_id: str | None


class Asset(msgspec.Struct, frozen=True):
    """An image of a style: in which place it is shown (`category`), in which mode (LIGHT, DARK, DYNAMIC), for what (`resource_id`)."""

    category: str
    color_mode: str
    extension: str
    resource_id: str | None
    image_id: str

    @property
    def place(self) -> tuple[str, str, str | None]:
        return self.category, self.color_mode, self.resource_id


class Style(msgspec.Struct, frozen=True):
    """The managed login branding of one client. `provided`: the server's own look, without `settings` (the document, in JSON) and assets."""

    pool_id: str
    branding_id: str
    client_id: str
    created_at: float
    modified_at: float
    provided: bool
    settings: bytes | None
    assets: tuple[Asset, ...]


class Look(msgspec.Struct, frozen=True):
    """All that a client's pages are to look like: its own customization, or that for all clients; and its style."""

    customization: Customization | None
    style: Style | None


_decode_assets = msgspec.json.Decoder(tuple[Asset, ...]).decode
_encode = msgspec.json.Encoder().encode


def _style(row: Row) -> Style:
    settings = None if row[6] is None else str(row[6]).encode()
    return Style(row[0], row[1], row[2], row[3], row[4], bool(row[5]), settings, _decode_assets(row[7]))


class Branding:
    def __init__(self, engine: Engine, cache: ConfigCache) -> None:
        self._engine = engine
        self._cache = cache

    async def for_client(self, pool_id: str, client_id: str) -> Look:
        """Kept in memory: ask for clients that exist."""
        key = ("look", pool_id, client_id)
        kept: Look | None = self._cache.found(key) or await self._cache.get(key, lambda: self._look(pool_id, client_id))
        return kept or Look(None, None)

    async def _look(self, pool_id: str, client_id: str) -> Look:
        customization = await self.customization(pool_id, client_id) or await self.customization(pool_id, ALL)
        return Look(customization, await self.style_of(pool_id, client_id))

    async def asset(self, pool_id: str, image_id: str) -> Image | None:
        row = await self._engine.row("SELECT extension, bytes FROM branding_images WHERE pool_id = $1 AND image_id = $2", pool_id, image_id)
        return Image(image_id, row[0], bytes(row[1])) if row else None

    async def customization(self, pool_id: str, client_id: str) -> Customization | None:
        """What was set for exactly this client, or ALL."""
        row = await self._engine.row(
            f"SELECT {_CUSTOMIZATION} FROM ui_customizations WHERE pool_id = $1 AND client_id = $2", pool_id, client_id
        )
        return Customization(*row) if row else None

    async def put_customization(self, given: Customization, image: Image | None) -> Customization:
        """In the place of the one before, whose beginning it keeps; without CSS and image there is none. Raises Missing when the pool or client is gone."""

        async def unit(tx: Tx) -> Customization:
            await _check_client(tx, given.pool_id, None if given.client_id == ALL else given.client_id)
            key = given.pool_id, given.client_id
            before = await tx.row("SELECT created_at FROM ui_customizations WHERE pool_id = $1 AND client_id = $2", *key)
            await tx.run("DELETE FROM ui_customizations WHERE pool_id = $1 AND client_id = $2", *key)
            await tx.run("DELETE FROM branding_images WHERE pool_id = $1 AND owner = $2", *key)
            after = msgspec.structs.replace(given, created_at=before[0]) if before else given
            if image is not None:
                await _add_image(tx, given.pool_id, given.client_id, image)
            if after.css is not None or after.image_id is not None:
                values = msgspec.structs.astuple(after)
                await tx.run(f"INSERT INTO ui_customizations ({_CUSTOMIZATION}) VALUES ($1, $2, $3, $4, $5, $6)", *values)
            await self._engine.announce(tx)
            return after

        return await self._write(unit)

    async def style(self, pool_id: str, branding_id: str, tx: Reader | None = None) -> Style | None:
        reader = tx or self._engine
        row = await reader.row(f"SELECT {_STYLE} FROM login_brandings WHERE pool_id = $1 AND branding_id = $2", pool_id, branding_id)
        return _style(row) if row else None

    async def style_of(self, pool_id: str, client_id: str) -> Style | None:
        row = await self._engine.row(f"SELECT {_STYLE} FROM login_brandings WHERE pool_id = $1 AND client_id = $2", pool_id, client_id)
        return _style(row) if row else None

    async def images(self, pool_id: str, owner: str) -> dict[str, bytes]:
        """The bytes of a style's or a client's images, by their ids."""
        rows = await self._engine.rows("SELECT image_id, bytes FROM branding_images WHERE pool_id = $1 AND owner = $2", pool_id, owner)
        return {row[0]: bytes(row[1]) for row in rows}

    async def add_style(self, style: Style, images: Sequence[Image]) -> None:
        """Raises Missing when the client is gone, Taken when it has a style."""

        async def unit(tx: Tx) -> None:
            await _check_client(tx, style.pool_id, style.client_id)
            await tx.run(f"INSERT INTO login_brandings ({_STYLE}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", *_row(style))
            for image in images:
                await _add_image(tx, style.pool_id, style.branding_id, image)
            await self._engine.announce(tx)

        await self._write(unit)

    async def change_style(self, pool_id: str, branding_id: str, update: Callable[[Style], Style], images: Sequence[Image] = ()) -> Style:
        """Replaces it by `update(style)`, which may name `images` in its assets; images that it names no more go. Raises Missing and what `update` raises."""

        async def unit(tx: Tx) -> Style:
            before = await self.style(pool_id, branding_id, tx)
            if before is None:
                raise Missing(branding_id)
            after = update(before)
            await tx.run(
                "UPDATE login_brandings SET modified_at = $3, provided = $4, settings = $5, assets = $6 WHERE pool_id = $1 AND branding_id = $2",
                pool_id,
                branding_id,
                *_row(after)[4:],
            )
            named = {asset.image_id for asset in after.assets}
            for image_id in {asset.image_id for asset in before.assets} - named:
                await tx.run("DELETE FROM branding_images WHERE pool_id = $1 AND image_id = $2", pool_id, image_id)
            for image in images:
                if image.image_id in named:
                    await _add_image(tx, pool_id, branding_id, image)
            await self._engine.announce(tx)
            return after

        return await self._write(unit)

    async def remove_style(self, pool_id: str, branding_id: str) -> None:
        """Raises Missing."""

        async def unit(tx: Tx) -> None:
            if not await tx.run("DELETE FROM login_brandings WHERE pool_id = $1 AND branding_id = $2", pool_id, branding_id):
                raise Missing(branding_id)
            await tx.run("DELETE FROM branding_images WHERE pool_id = $1 AND owner = $2", pool_id, branding_id)
            await self._engine.announce(tx)

        await self._write(unit)

    async def _write(self, unit: Unit[T]) -> T:
        try:
            return await self._engine.write(unit)
        finally:
            self._cache.clear()


async def remove_of_client(tx: Tx, pool_id: str, client_id: str) -> None:
    """All that belongs to a client which goes."""
    key = pool_id, client_id
    owned = "owner = $2 OR owner IN (SELECT branding_id FROM login_brandings WHERE pool_id = $1 AND client_id = $2)"
    await tx.run(f"DELETE FROM branding_images WHERE pool_id = $1 AND ({owned})", *key)
    await tx.run("DELETE FROM login_brandings WHERE pool_id = $1 AND client_id = $2", *key)
    await tx.run("DELETE FROM ui_customizations WHERE pool_id = $1 AND client_id = $2", *key)


async def _check_client(tx: Tx, pool_id: str, client_id: str | None) -> None:
    if await tx.row("SELECT 1 FROM pools WHERE pool_id = $1 AND state = 'active'", pool_id) is None:
        raise Missing(pool_id)
    if client_id is not None and await tx.row("SELECT 1 FROM clients WHERE pool_id = $1 AND client_id = $2", pool_id, client_id) is None:
        raise Missing(client_id)


async def _add_image(tx: Tx, pool_id: str, owner: str, image: Image) -> None:
    await tx.run(
        "INSERT INTO branding_images (pool_id, image_id, owner, extension, bytes) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        pool_id,
        image.image_id,
        owner,
        image.extension,
        image.content,
    )


def _row(style: Style) -> tuple[object, ...]:
    settings = None if style.settings is None else style.settings.decode()
    return (*msgspec.structs.astuple(style)[:5], int(style.provided), settings, _encode(style.assets).decode())
