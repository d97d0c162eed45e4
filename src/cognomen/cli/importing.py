"""`cognomen import`: users out of a CSV file, beside a running server or without one, and the log of any import job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cognomen.api import errors, idp
from cognomen.cli import common
from cognomen.cli.copying import cognito
from cognomen.kernel.clock import SystemClock
from cognomen.kernel.secrets import Sealer
from cognomen.storage.errors import CannotStart, Taken
from cognomen.storage.imports import ImportJob, Run
from cognomen.storage.store import Store
from cognomen.userpools import imports
from cognomen.userpools.imports_run import LEASE, ImportRunner
from cognomen.userpools.imports_upload import Refused, keep

ALGORITHMS = ("BCRYPT", "SCRYPT", "ARGON2ID", "PBKDF2_SHA256")
_PIECE = 256 << 10
_ROLE = "arn:aws:iam::000000000000:role/cognomen-import"  # a job has one; it is of no use here


@click.group("import")
def import_() -> None:
    """Users from elsewhere."""


import_.add_command(cognito)


@import_.command()
@click.argument("csv_file", type=click.Path(path_type=Path))
@click.option("--user-pool-id", "pool_id", required=True, help="The pool that the users are for.")
@click.option("--password-hashes", type=click.Choice(ALGORITHMS), help="The algorithm of the hashes in the column password_hash.")
@common.database_options
def users(csv_file: Path, pool_id: str, password_hashes: str | None, file: Path | None, data: str | None, as_json: bool) -> None:
    """Import the users of a CSV file, as a user import job does.

    The first row is the one that `aws cognito-idp get-csv-header` gives. Users that are there already are skipped; so are rows with a fault,
    and `cognomen import log JOB` names each by its line. Exit code 1 where more than half were.
    """

    async def work() -> ImportJob:
        settings = common.settings_of(file, data)
        async with common.current(settings) as store:
            runner = ImportRunner(store, SystemClock(), common.sealer_of(settings), asyncio.Event())
            return await _imported(store, runner, common.sealer_of(settings), csv_file, pool_id, password_hashes, quiet=as_json)

    job = common.run(work)
    counts = {"JobId": job.job_id, "Status": job.status, "ImportedUsers": job.imported, "SkippedUsers": job.skipped}
    if as_json:
        common.show_json({**counts, "FailedUsers": job.failed, "CompletionMessage": job.message})
    else:
        click.echo(f"{job.message} {job.imported} imported, {job.skipped} skipped, {job.failed} failed.")
        if job.skipped or job.failed:
            click.echo(f"`cognomen import log {job.job_id}` says which, and why.")
    if job.status != "Succeeded":
        raise click.exceptions.Exit(1)


async def _imported(
    store: Store, runner: ImportRunner, sealer: Sealer, file: Path, pool_id: str, hashing: str | None, *, quiet: bool
) -> ImportJob:
    """Makes the job and works it off here. It is ours from its start, so that no server takes it, unless this process dies."""
    pool = await store.pools.get(pool_id)
    if pool is None:
        raise CannotStart(f"there is no user pool {pool_id}")
    now = runner.clock.now()
    request = idp.CreateUserImportJobRequest(
        job_name=f"cognomen import users {file.name}"[:128],
        user_pool_id=pool_id,
        cloud_watch_logs_role_arn=_ROLE,
        password_hashing_algorithm=hashing,
    )
    job = imports.new_job(now, pool, request)
    await store.imports.add(job, imports.MOST_JOBS)

    def begun(present: ImportJob) -> ImportJob:
        imports.check_startable(pool, present, now)
        until = runner.clock.now() + LEASE
        return msgspec.structs.replace(present, status="Pending", started_at=runner.clock.now(), owner=runner.owner, leased_until=until)

    try:
        await keep(store.imports, sealer, pool_id, job.job_id, _pieces(file))
        job = await store.imports.start(pool_id, job.job_id, begun)
    except Taken:
        raise CannotStart("another user import job is in progress") from None
    except Refused as refused:
        raise CannotStart(refused.text) from refused
    except errors.ServiceError as refused:
        raise CannotStart(refused.message) from refused
    with _bar(quiet=quiet, total=max(job.lines - 1, 0)) as show:
        return await runner.finish(job, show)


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    try:
        with file.open("rb") as source:
            while piece := source.read(_PIECE):
                yield piece
    except OSError as error:
        raise CannotStart(f"cannot read {file}: {error.strerror}") from error


class _bar:  # noqa: N801  # used as a function
    """A progress bar on stderr, where that is a terminal; counts rows."""

    def __init__(self, *, quiet: bool, total: int) -> None:
        columns = (TextColumn("importing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        console = Console(stderr=True)
        self._progress = Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True)
        self._task = self._progress.add_task("import", total=total)

    def __enter__(self) -> Callable[[ImportJob], None]:
        self._progress.start()
        return lambda job: self._progress.update(self._task, completed=job.line - 1)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


@import_.command()
@click.argument("job_id", metavar="JOB")
@click.option("--all", "everything", is_flag=True, help="Also the lines that were imported.")
@common.database_options
def log(job_id: str, everything: bool, file: Path | None, data: str | None, as_json: bool) -> None:
    """Show what became of the lines of an import job, in AWS's words: by number and reason, with nothing of what they say."""

    async def work() -> None:
        async with common.current(common.settings_of(file, data)) as store:
            job = await store.imports.find(job_id)
            if job is None:
                raise CannotStart(f"there is no import job {job_id}")
            found = []
            async for run in _runs(store, job):
                if not everything and run.outcome == "SUCCEEDED":
                    continue
                for line in range(run.first, run.last + 1):
                    if as_json:
                        found.append({"Line": line, "Outcome": run.outcome, "Reason": run.reason})
                    else:
                        click.echo(f"[{run.outcome}] Line Number {line} - {run.reason}")
            if as_json:
                common.show_json(found)

    common.run(work)


async def _runs(store: Store, job: ImportJob) -> AsyncIterator[Run]:
    after = 0
    while runs := await store.imports.log(job.pool_id, job.job_id, after):
        for run in runs:
            yield run
        after = runs[-1].last
