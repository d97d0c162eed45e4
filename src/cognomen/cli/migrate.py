"""`cognomen migrate`: the database brought up to this program, or only looked at."""

from __future__ import annotations

from pathlib import Path

import click

from cognomen.cli import common
from cognomen.storage.migrate import migrate as bring_up
from cognomen.storage.migrate import migrations, version


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 when there is something to do.")
@common.database_options
def migrate(file: Path | None, data: str | None, as_json: bool, check: bool) -> None:
    """Bring the database up to this program.

    A server does so itself when it starts. Run this before a new release starts on several nodes, or to see what it would do (--check).
    """

    async def work() -> tuple[int, list[str]]:
        async with common.opened(common.settings_of(file, data), create=not check) as store:
            have = await version(store.engine)
            if check:
                return have, [f"{number:04}_{name}" for number, name, _ in migrations() if number > have]
            ran = await bring_up(store.engine)
            return await version(store.engine), ran

    at, names = common.run(work)
    newest = migrations()[-1][0]
    if as_json:
        common.show_json({"schema": at, "newest": newest, "pending" if check else "applied": names})
    elif at > newest:
        click.echo(f"The database has schema {at}, newer than this program's {newest}.")
    elif names:
        for name in names:
            click.echo(f"{'pending' if check else 'applied'} {name}")
    else:
        click.echo(f"The database is up to date (schema {at}).")
    if check and (names or at > newest):
        raise click.exceptions.Exit(1)
