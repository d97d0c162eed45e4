"""What the commands share: settings read, a database opened beside a running server, one sentence and exit code 1 when it cannot be."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cognomen import config
from cognomen.config import BadSetting, Settings
from cognomen.kernel.secrets import BadMasterKey, MasterKey, Sealer
from cognomen.storage.engine import make_engine
from cognomen.storage.errors import CannotStart, StorageError
from cognomen.storage.migrate import migrate, migrations, version
from cognomen.storage.store import Store

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
CONFIG_FILE = Path("cognomen.toml")


def fail(sentence: str) -> NoReturn:
    """Ends the command with one sentence on stderr and exit code 1."""
    click.echo(f"cognomen: {sentence}", err=True)
    sys.exit(1)


def config_option(command: F) -> F:
    return click.option(
        "--config", "file", type=click.Path(path_type=Path), help="TOML file of settings (cognomen.toml where there is one)."
    )(command)


def data_option(command: F) -> F:
    return click.option("--data", help="Data folder of the server (./.cognomen); cognomen.toml is then not read.")(command)


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")(command)


def database_options(command: F) -> F:
    """`--config`, `--data` and `--json`."""
    return config_option(data_option(json_option(command)))


def settings_of(file: Path | None, data: str | None, *, mode: str = "dev") -> Settings:
    """The settings as the server that is meant would read them. Raises BadSetting."""
    if file is None and data is None and CONFIG_FILE.exists():
        file = CONFIG_FILE
    return config.load(file, None, mode=mode, data=data)


def sealer_of(settings: Settings) -> Sealer:
    """The master key that the server uses; unlike a server in dev, a command never makes one. Raises BadSetting."""
    try:
        if settings.master_key:
            return Sealer(MasterKey.from_text(settings.master_key))
        file = Path(settings.master_key_file or Path(settings.data) / "master.key")
        if not settings.master_key_file and not file.exists():
            raise BadSetting(
                f"there is no master key in {settings.data}: set COGNOMEN_MASTER_KEY or master_key_file, or start `cognomen dev` once"
            )
        return Sealer(MasterKey.from_file(file))
    except BadMasterKey as error:
        raise BadSetting(str(error)) from error
    except OSError as error:
        raise BadSetting(f"the master key cannot be read: {error.strerror}") from error


@asynccontextmanager
async def opened(settings: Settings, *, create: bool = False) -> AsyncIterator[Store]:
    """The database, also while a server runs on it. `create` makes an empty one ready. Raises CannotStart."""
    if settings.database.endswith(":memory:"):
        raise CannotStart("a database in memory belongs to its server alone; give the server a data folder")
    if settings.database.startswith("sqlite:///"):
        _require(Path(settings.database.removeprefix("sqlite:///")), create=create)
    store = Store(make_engine(settings.database, exclusive=False))
    await store.engine.open()
    try:
        yield store
    finally:
        await store.engine.close()


def _require(path: Path, *, create: bool) -> None:
    """SQLite makes a file where there is none; a mistyped folder would then look like an empty database."""
    try:
        if create:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = create or path.exists()
    except OSError as error:
        raise CannotStart(f"the data folder {path.parent} cannot be used: {error.strerror}") from error
    if not there:
        raise CannotStart(f"there is no database at {path}; a server or `cognomen migrate` makes one")


@asynccontextmanager
async def current(settings: Settings, *, create: bool = False) -> AsyncIterator[Store]:
    """The database, with this program's schema. Raises CannotStart when it has another."""
    async with opened(settings, create=create) as store:
        have, newest = await version(store.engine), migrations()[-1][0]
        if create and have == 0:
            await migrate(store.engine)
        elif have < newest:
            raise CannotStart(f"the database has schema {have} and this program needs {newest}: run `cognomen migrate`")
        elif have > newest:
            raise CannotStart(f"the database has schema {have}, newer than this program's {newest}: use the newer Cognomen")
        yield store


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs a command's work to its end; what it could not do becomes one sentence."""
    try:
        return asyncio.run(work())
    except (BadSetting, StorageError) as error:
        fail(str(error))


def show_json(value: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def show_table(columns: list[str], rows: list[list[str]]) -> None:
    """A table as wide as the terminal; what does not fit is folded, never cut."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console(highlight=False).print(table)


def printable(text: str) -> str:
    """Without control characters, by which a user's name could command a terminal."""
    return "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text)
