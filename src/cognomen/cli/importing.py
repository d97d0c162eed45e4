"""`cognomen import`: users out of a CSV file, beside a running server or without one, and the log of any import job."""

from __future__ import annotations

import asyncio
import errno
import math
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cognomen.api import errors, idp
from cognomen.cli import common
from cognomen.cli.copying import cognito
from cognomen.delivery.logs import import_log
from cognomen.kernel.clock import SystemClock
from cognomen.kernel.password_hashes import ALGORITHMS
from cognomen.kernel.secrets import Sealer
from cognomen.storage.errors import CannotStart, Taken
from cognomen.storage.imports import ImportJob, Run
from cognomen.storage.pools import Pool
from cognomen.storage.store import Store
from cognomen.userpools import imports
from cognomen.userpools.imports_run import LEASE, ImportRunner
from cognomen.userpools.imports_upload import Refused, keep

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
    and `cognomen import log JOB` names each by its line. Exit code 1 where more than half were. After Ctrl-C or a crash the same command goes on
    where it was; what another process left unfinished is finished first.
    """

    async def work() -> ImportJob:
        settings = common.settings_of(file, data)
        async with common.current(settings) as store:
            runner = ImportRunner(store, SystemClock(), common.sealer_of(settings), asyncio.Event())
            wanted = _Wanted(csv_file, pool_id, password_hashes)
            return await _imported(store, runner, common.sealer_of(settings), wanted, quiet=as_json)

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


class _Wanted(msgspec.Struct, frozen=True):
    file: Path
    pool_id: str
    hashing: str | None

    @property
    def name(self) -> str:
        return f"cognomen import users {self.file.name}"[:128]

    def is_of(self, job: ImportJob) -> bool:
        """Was the job made of this file, as far as one can tell?"""
        return (job.pool_id, job.name, job.hashing, job.size) == (self.pool_id, self.name, self.hashing, self.file.stat().st_size)


async def _imported(store: Store, runner: ImportRunner, sealer: Sealer, wanted: _Wanted, *, quiet: bool) -> ImportJob:
    """Goes on with what another process left behind, which may have been this very file; then makes the job and works it off here. It is
    ours from its start, so that no server takes it, unless this process ends."""
    pool = await store.pools.get(wanted.pool_id)
    if pool is None:
        raise CannotStart(f"there is no user pool {wanted.pool_id}")
    if not wanted.file.is_file():
        raise CannotStart(f"cannot read {wanted.file}: {os.strerror(errno.EISDIR if wanted.file.exists() else errno.ENOENT)}")
    while (left := await store.imports.claim(runner.owner, runner.clock.now(), runner.clock.now() + LEASE)) is not None:
        if not quiet:
            click.echo(f"Going on with {left.job_id} of {left.pool_id} behind line {left.line}.", err=True)
        ended = await _worked_off(runner, left, quiet=quiet)
        if wanted.is_of(left):
            return ended
    await _refuse_another(store, runner)
    job = await _uploaded(store, runner, sealer, pool, wanted)
    return await _worked_off(runner, job, quiet=quiet)


async def _refuse_another(store: Store, runner: ImportRunner) -> None:
    """Before the file is read: only one job is at work at a time."""
    other = await store.imports.unfinished()
    if other is not None:
        wait = max(1, math.ceil(other.leased_until - runner.clock.now()))
        raise CannotStart(
            f"another user import job is in progress: {other.job_id} of {other.pool_id}; if what worked on it was killed, this command goes on"
            f" with it in {wait} seconds"
        )


async def _uploaded(store: Store, runner: ImportRunner, sealer: Sealer, pool: Pool, wanted: _Wanted) -> ImportJob:
    """A started job with the file; of one that is refused or interrupted nothing is left."""
    request = idp.CreateUserImportJobRequest(
        job_name=wanted.name,
        user_pool_id=pool.pool_id,
        cloud_watch_logs_role_arn=_ROLE,
        password_hashing_algorithm=wanted.hashing,
    )
    now = runner.clock.now()
    job = imports.new_job(now, pool, request)
    await store.imports.add(job, imports.MOST_JOBS)

    def begun(present: ImportJob) -> ImportJob:
        imports.check_startable(pool, present, now)
        until = runner.clock.now() + LEASE
        return msgspec.structs.replace(present, status="Pending", started_at=runner.clock.now(), owner=runner.owner, leased_until=until)

    try:
        await keep(store.imports, sealer, pool.pool_id, job.job_id, _pieces(wanted.file))
        return await store.imports.start(pool.pool_id, job.job_id, begun)
    except BaseException as cause:
        await _forget(store, job)
        if isinstance(cause, Taken):
            raise CannotStart("another user import job is in progress") from None
        if isinstance(cause, Refused):
            raise CannotStart(cause.text) from cause
        if isinstance(cause, errors.ServiceError):
            raise CannotStart(cause.message) from cause
        raise


async def _forget(store: Store, job: ImportJob) -> None:
    def expired(present: ImportJob) -> ImportJob:
        return msgspec.structs.replace(present, status="Expired", uploading="", upload="") if present.status == "Created" else present

    await store.imports.change(job.pool_id, job.job_id, expired)
    await store.imports.drop_file(job.pool_id, job.job_id)


async def _worked_off(runner: ImportRunner, job: ImportJob, *, quiet: bool) -> ImportJob:
    try:
        with _bar(quiet=quiet, total=max(job.lines - 1, 0), done=max(job.line - 1, 0)) as show:
            return await runner.finish(job, show)
    except asyncio.CancelledError:  # Ctrl-C
        click.echo(f"Interrupted. The same command, or a server, goes on with {job.job_id}.", err=True)
        raise


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    try:
        with file.open("rb") as source:
            while piece := source.read(_PIECE):
                yield piece
    except OSError as error:
        raise CannotStart(f"cannot read {file}: {error.strerror}") from error


class _bar:  # noqa: N801  # used as a function
    """A progress bar on stderr, where that is a terminal; counts rows."""

    def __init__(self, *, quiet: bool, total: int, done: int) -> None:
        columns = (TextColumn("importing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        console = Console(stderr=True)
        self._progress = Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True)
        self._task = self._progress.add_task("import", total=total, completed=done)

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
                if as_json:
                    found += [{"Line": line, "Outcome": run.outcome, "Reason": run.reason} for line in range(run.first, run.last + 1)]
                else:
                    click.echo("\n".join(import_log.lines(run)))
            if as_json:
                common.show_json(found)

    common.run(work)


async def _runs(store: Store, job: ImportJob) -> AsyncIterator[Run]:
    after = 0
    while runs := await store.imports.log(job.pool_id, job.job_id, after):
        for run in runs:
            yield run
        after = runs[-1].last
