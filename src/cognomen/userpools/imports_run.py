"""Works import jobs off, batch by batch, beside the requests. A batch is one unit: its users, the job's counts, where it stands and the log
are kept together, so that a process that is killed has made no user twice and lost none; the next one goes on from there.

No trigger runs and no message is sent for an imported user, as with AWS.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from cognomen.api import errors
from cognomen.delivery.logs.import_log import ImportLog, NoImportLog
from cognomen.kernel import ids, password_hashes
from cognomen.kernel.clock import Clock
from cognomen.kernel.log import get_logger
from cognomen.kernel.secrets import Sealer
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Missing, Stale, StorageError, Taken, Unavailable
from cognomen.storage.imports import ImportJob, Run
from cognomen.storage.pools import Pool
from cognomen.storage.store import Store
from cognomen.storage.users import Newcomer
from cognomen.userpools import attributes, foreign_passwords, imports, imports_upload
from cognomen.userpools.rules import factors, import_rows, names
from cognomen.userpools.rules.import_rows import BadHeader, Line, Lines, Row, Sheet

BATCH = 500  # lines of one unit
LEASE = 60.0  # seconds for which a job is a process's own; each batch renews it
COMPLETED = "Import Job Completed Successfully."
TOO_MANY = "Too many users have failed or been skipped during the import."  # AWS CLI reference, list-user-import-jobs
_LOOK_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_TRIES = 5  # of a batch that meets a sign-up by one of its names
log = get_logger("userpools")

Outcome = tuple[int, str, str]  # line, outcome, reason
Progress = Callable[[ImportJob], None]


class ImportRunner:
    """`wake` is set when there may be something to do."""

    def __init__(self, store: Store, clock: Clock, sealer: Sealer, wake: asyncio.Event, log: ImportLog | None = None) -> None:
        self._store = store
        self._log = log or NoImportLog()
        self.clock = clock
        self._sealer = sealer
        self._wake = wake
        self.owner = ids.uuid()

    async def run(self) -> None:
        """For ever: works off what waits, and looks now and then for jobs that another process started or left."""
        while True:
            self._wake.clear()
            try:
                await self.work()
                await self.tidy()
            except Unavailable as error:
                log.warning("imports wait for the database", reason=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _LOOK_SECONDS)

    def stop(self) -> None:
        self._log.stop()

    async def work(self) -> None:
        """Works off every job that waits."""
        while (job := await self._store.imports.claim(self.owner, self.clock.now(), self.clock.now() + LEASE)) is not None:
            await self.finish(job)

    async def tidy(self) -> None:
        """Jobs that were not started in time expire; files that nobody needs any more go."""
        gone = await self._store.imports.expired(self.clock.now() - imports.EXPIRES)
        for pool_id, job_id in [*gone, *await self._store.imports.leftovers()]:
            await self._store.imports.drop_file(pool_id, job_id)

    async def finish(self, job: ImportJob, progress: Progress | None = None) -> ImportJob:
        """Works off one job, which is ours, to its end, and returns it as it ended. One that was taken from us is left alone."""
        with contextlib.suppress(Stale):
            job = await self._begin(job)
            try:
                async for worked in self._batches(job):
                    job = worked
                    if progress is not None:
                        progress(job)
                    await asyncio.sleep(0)  # requests take their turn
                ended = _result(job)
            except BadHeader as bad:
                ended = "Failed", str(bad)
            except _Stopped:
                ended = "Stopped", imports.STOPPED
            except Missing:
                ended = "Failed", "The user pool was deleted."
            except asyncio.CancelledError:  # Ctrl-C, or a server that stops
                await self._release(job)
                raise
            except StorageError:
                raise
            except Exception as bug:  # noqa: BLE001  # a job that can never go on must not stand in the way of all others
                log.error("an import failed", job_id=job.job_id, error_type=type(bug).__name__)  # noqa: TRY400  # its text may quote a row
                ended = "Failed", "The import job ended with an internal error."
            job = await self._end(job, *ended)
            await self._store.imports.drop_file(job.pool_id, job.job_id)
        return job

    async def _release(self, job: ImportJob) -> None:
        """Gives a job back in the middle: whoever looks next goes on behind its last batch."""

        def update(present: ImportJob) -> ImportJob:
            return msgspec.structs.replace(present, owner="", leased_until=0.0) if present.owner == self.owner else present

        with contextlib.suppress(Missing):
            await self._store.imports.change(job.pool_id, job.job_id, update)

    async def _begin(self, job: ImportJob) -> ImportJob:
        async def unit(tx: Tx) -> ImportJob:
            present = await self._store.imports.held(tx, job)
            begun = msgspec.structs.replace(present, status="InProgress") if present.status == "Pending" else present
            await self._store.imports.advance(tx, begun, ())
            return begun

        return await self._store.write(unit)

    async def _end(self, job: ImportJob, status: str, message: str) -> ImportJob:
        async def unit(tx: Tx) -> ImportJob:
            present = await self._store.imports.held(tx, job)
            ended = msgspec.structs.replace(
                present, status=status, message=message, completed_at=self.clock.now(), owner="", leased_until=0.0
            )
            await self._store.imports.advance(tx, ended, ())
            return ended

        return await self._store.write(unit)

    async def _batches(self, job: ImportJob) -> AsyncIterator[ImportJob]:
        """The job as it stands after each batch. Raises BadHeader before the first, _Stopped, Stale, Missing."""
        pool = await self._store.pools.get(job.pool_id)
        if pool is None:
            raise Missing(job.pool_id)
        if job.lines - 1 > import_rows.MOST_ROWS:
            raise BadHeader(f"The csv file has more than {import_rows.MOST_ROWS} rows.")
        header = await self._header(job)
        sheet = Sheet(pool, header.text, hashing=job.hashing is not None)
        if job.line == 0:
            job = await self._settled(job, pool, [], header)
        batch: list[Line] = []
        async for line in self._lines(job):
            batch.append(line)
            if len(batch) == BATCH:
                job = await self._settled(job, pool, _read(sheet, batch), batch[-1])
                batch = []
                yield job
        if batch:
            yield await self._settled(job, pool, _read(sheet, batch), batch[-1])

    async def _header(self, job: ImportJob) -> Line:
        cut = Lines()
        first = await imports_upload.part(self._store.imports, self._sealer, job, 0)
        for line in itertools.chain(cut.feed(first), cut.finish()):
            return line
        raise BadHeader("The csv file is empty.")

    async def _lines(self, job: ImportJob) -> AsyncIterator[Line]:
        """What is left of the file."""
        number, skip = divmod(job.done, imports_upload.PART)
        cut = Lines(done=job.done, number=job.line)
        while piece := await imports_upload.part(self._store.imports, self._sealer, job, number):
            for line in cut.feed(piece[skip:]):
                yield line
            number, skip = number + 1, 0
        for line in cut.finish():
            yield line

    async def _settled(self, job: ImportJob, pool: Pool, rows: Sequence[tuple[int, Row | str]], last: Line) -> ImportJob:
        """One unit: the users of a batch, what became of its lines, and how far the job is."""
        now = self.clock.now()
        read = [(line, self._newcomer(pool, job.hashing, row, now) if isinstance(row, Row) else row) for line, row in rows]

        async def unit(tx: Tx) -> tuple[ImportJob, list[Run]]:
            present = await self._store.imports.held(tx, job)
            if present.status == "Stopping":
                raise _Stopped
            conflicts = iter(await self._store.users.add_many(tx, job.pool_id, [new for _, new in read if not isinstance(new, str)]))
            outcomes = [(line, "FAILED", new) if isinstance(new, str) else _outcome(pool, line, next(conflicts)) for line, new in read]
            counts = [sum(1 for _, outcome, _ in outcomes if outcome == wanted) for wanted in ("SUCCEEDED", "SKIPPED", "FAILED")]
            runs = _runs(outcomes)
            advanced = msgspec.structs.replace(
                present,
                imported=present.imported + counts[0],
                skipped=present.skipped + counts[1],
                failed=present.failed + counts[2],
                done=last.end,
                line=last.number,
                leased_until=now + LEASE,
            )
            await self._store.imports.advance(tx, advanced, runs)
            return advanced, runs

        for _ in range(_TRIES):
            with contextlib.suppress(Taken):
                advanced, runs = await self._store.write(unit, large=True)
                await self._log.tell(pool, advanced, runs)
                return advanced
        raise Stale(job.job_id)

    def _newcomer(self, pool: Pool, hashing: str | None, row: Row, now: float) -> Newcomer | str:
        """The user whom a row makes, or why it makes none."""
        try:
            username, given = names.of_new_user(pool, row.username, row.attributes)
        except errors.InvalidParameterException as error:
            return error.message
        if row.password_hash and ((found := password_hashes.read(row.password_hash)) is None or found.algorithm != hashing):
            return import_rows.BAD_HASH
        sub = ids.sub()
        username = username or sub
        user = attributes.new_user(
            pool,
            sub,
            username,
            given,
            now=now,
            status="CONFIRMED" if row.password_hash else "RESET_REQUIRED",
            credential=foreign_passwords.seal(self._sealer, pool.pool_id, sub, row.password_hash) if row.password_hash else None,
        )
        present, named = attributes.merged({}, given), names.attribute_of(pool, row.username)
        if row.mfa and present.get("phone_number"):
            user = factors.with_factors(user, factors.Factors(enabled=(factors.SMS,), preferred=factors.SMS))
        aliases = {
            name: names.key(pool, present[name])
            for name in names.naming_attributes(pool)
            if names.claims_alias(pool, name, present, named=named)
        }
        return user, aliases


class _Stopped(Exception):
    """Somebody asked for the job to stop."""


def _read(sheet: Sheet, batch: Sequence[Line]) -> list[tuple[int, Row | str]]:
    """Line and what it says; empty lines are none."""
    return [
        (line.number, import_rows.TOO_LONG if line.text is None else sheet.read(line.text))
        for line in batch
        if line.text is None or line.text.strip()
    ]


def _outcome(pool: Pool, line: int, conflict: str | None) -> Outcome:
    if conflict is None:
        return line, "SUCCEEDED", import_rows.SUCCEEDED
    if conflict == "username" or conflict in names.username_attributes(pool):
        return line, "SKIPPED", import_rows.EXISTS
    return line, "FAILED", attributes.alias_exists(conflict).message


def _runs(outcomes: Sequence[Outcome]) -> list[Run]:
    runs: list[Run] = []
    for line, outcome, reason in outcomes:
        last = runs[-1] if runs else None
        if last is not None and (last.last + 1, last.outcome, last.reason) == (line, outcome, reason):
            runs[-1] = Run(last.first, line, outcome, reason)
        else:
            runs.append(Run(line, line, outcome, reason))
    return runs


def _result(job: ImportJob) -> tuple[str, str]:
    """AWS names no bound; a published job with 14 imported and 32 failed users had failed (aws-solutions'
    cognito-user-profiles-export-reference-architecture #9): so more than half is too many."""
    return ("Failed", TOO_MANY) if job.failed + job.skipped > job.imported else ("Succeeded", COMPLETED)
