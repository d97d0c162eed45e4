"""Forward-only migrations: numbered SQL files, each run once, in order. A database newer than this program is refused."""

from __future__ import annotations

from importlib.resources import files

from cognomen.storage.engine import Engine
from cognomen.storage.errors import CannotStart, StorageError


def migrations() -> list[tuple[int, str, list[str]]]:
    """(number, name, statements) of every migration, in order. Statements end with `;` at the end of a line."""
    found = []
    for file in files("cognomen.storage").joinpath("migrations").iterdir():
        if file.name.endswith(".sql"):
            number, _, name = file.name.removesuffix(".sql").partition("_")
            found.append((int(number), name, _statements(file.read_text())))
    return sorted(found)


def _statements(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return [statement.strip() for statement in "\n".join(lines).split(";\n") if statement.strip(" ;\n")]


async def version(engine: Engine) -> int:
    """The number of the newest migration that the database has; 0 for an empty one."""
    try:
        row = await engine.row("SELECT max(number) FROM migrations")
    except StorageError:
        raise
    except Exception as error:
        # Each driver has an error of its own for a table that is not there; anything else must not pass for an empty database.
        if "no such table" in str(error) or "does not exist" in str(error):
            return 0
        raise CannotStart(f"the database cannot be read: {error}") from error
    return int(row[0]) if row and row[0] is not None else 0


async def migrate(engine: Engine) -> list[str]:
    """Brings the database up to this program; returns the names of the migrations it ran. Raises CannotStart."""
    known = migrations()
    have = await version(engine)
    newest = known[-1][0]
    if have > newest:
        raise CannotStart(f"the database has schema {have}, newer than this program's {newest}: use the newer Cognomen")
    ran = []
    for number, name, statements in known:
        if number <= have:
            continue
        try:
            await engine.script([*statements, f"INSERT INTO migrations (number, name) VALUES ({number}, '{name}')"])
        except CannotStart:
            if await version(engine) < number:  # else another server, starting beside this one, was first
                raise
        else:
            ran.append(f"{number:04}_{name}")
    return ran
