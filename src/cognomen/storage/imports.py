"""Import jobs, the parts of their files, and the log of what became of each line.

A job belongs to the process that claimed it for as long as its lease runs; each batch renews the lease. Jobs of a process that died are
claimed by another once the lease is over, and go on behind the last batch that was committed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from cognomen.storage.engine import Engine, Row, Tx
from cognomen.storage.errors import Missing, Stale, Taken

UNFINISHED = ("Pending", "InProgress", "Stopping")
_PARTS_AT_ONCE = 16  # parts of a file that one unit removes


class ImportJob(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is AWS's. `upload` names the file that is there ("" for none), of `size` bytes and `lines` lines; `uploading` one that is
    coming in. `done` bytes and `line` lines are worked off. `owner` may work on it until `leased_until`."""

    pool_id: str
    job_id: str
    name: str
    role_arn: str
    hashing: str | None = None
    status: str = "Created"
    created_at: float
    started_at: float | None = None
    completed_at: float | None = None
    imported: int = 0
    skipped: int = 0
    failed: int = 0
    message: str | None = None
    uploading: str = ""
    upload: str = ""
    size: int = 0
    lines: int = 0
    done: int = 0
    line: int = 0
    owner: str = ""
    leased_until: float = 0.0


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Neighbouring lines that ended alike. `outcome` is SUCCEEDED, SKIPPED or FAILED; `reason` holds nothing of the line itself."""

    first: int
    last: int
    outcome: str
    reason: str


_FIELDS = ImportJob.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_INSERT = f"INSERT INTO import_jobs ({_COLUMNS}) VALUES ({', '.join(f'${n}' for n in range(1, len(_FIELDS) + 1))})"
_UPDATE = (
    "UPDATE import_jobs SET "
    + ", ".join(f"{name} = ${n}" for n, name in enumerate(_FIELDS[2:], start=3))
    + " WHERE pool_id = $1 AND job_id = $2"
)
_IS_UNFINISHED = "status IN ('Pending', 'InProgress', 'Stopping')"
_decode = msgspec.json.Decoder(list[Run]).decode
_encode = msgspec.json.Encoder().encode


def _job(row: Row) -> ImportJob:
    return ImportJob(**dict(zip(_FIELDS, row, strict=True)))


class ImportJobs:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def add(self, job: ImportJob, most: int) -> None:
        """Raises Missing when the pool is gone, Stale when it has `most` jobs, Taken when the id is in use."""

        async def unit(tx: Tx) -> None:
            if await tx.row("SELECT 1 FROM pools WHERE pool_id = $1 AND state = 'active'", job.pool_id) is None:
                raise Missing(job.pool_id)
            row = await tx.row("SELECT count(*) FROM import_jobs WHERE pool_id = $1", job.pool_id)
            if row is not None and row[0] >= most:
                raise Stale(job.pool_id)
            await tx.run(_INSERT, *msgspec.structs.astuple(job))

        await self._engine.write(unit)

    async def get(self, pool_id: str, job_id: str) -> ImportJob | None:
        row = await self._engine.row(f"SELECT {_COLUMNS} FROM import_jobs WHERE pool_id = $1 AND job_id = $2", pool_id, job_id)
        return _job(row) if row else None

    async def find(self, job_id: str) -> ImportJob | None:
        """By its id alone, for an operator: looks through all jobs."""
        row = await self._engine.row(f"SELECT {_COLUMNS} FROM import_jobs WHERE job_id = $1", job_id)
        return _job(row) if row else None

    async def page(self, pool_id: str, after: tuple[float, str] | None, limit: int) -> list[ImportJob]:
        """The newest first; `after` is the time and id of the last one seen."""
        created_at, job_id = after or (1e18, "")
        rows = await self._engine.rows(
            f"SELECT {_COLUMNS} FROM import_jobs WHERE pool_id = $1 AND (created_at, job_id) < ($2, $3)"
            " ORDER BY created_at DESC, job_id DESC LIMIT $4",
            pool_id,
            created_at,
            job_id,
            limit,
        )
        return [_job(row) for row in rows]

    async def change(self, pool_id: str, job_id: str, update: Callable[[ImportJob], ImportJob]) -> ImportJob:
        """Raises Missing, and what `update` raises."""

        async def unit(tx: Tx) -> ImportJob:
            return await self._change(tx, pool_id, job_id, update)

        return await self._engine.write(unit)

    async def start(self, pool_id: str, job_id: str, update: Callable[[ImportJob], ImportJob]) -> ImportJob:
        """As `change`, for the only job at work: raises Taken while another one, of whatever pool, is."""

        async def unit(tx: Tx) -> ImportJob:
            if await tx.row(f"SELECT 1 FROM import_jobs WHERE {_IS_UNFINISHED} LIMIT 1") is not None:
                raise Taken("import_jobs")
            return await self._change(tx, pool_id, job_id, update)

        return await self._engine.write(unit)

    async def _change(self, tx: Tx, pool_id: str, job_id: str, update: Callable[[ImportJob], ImportJob]) -> ImportJob:
        row = await tx.row(f"SELECT {_COLUMNS} FROM import_jobs WHERE pool_id = $1 AND job_id = $2", pool_id, job_id)
        if row is None:
            raise Missing(job_id)
        after = update(_job(row))
        await tx.run(_UPDATE, *msgspec.structs.astuple(after))
        return after

    # The file

    async def begin_upload(self, pool_id: str, job_id: str, upload: str) -> None:
        """A new file is coming in; one that was begun before and not ended is given up. Raises Missing, and Stale once the job has started."""

        async def unit(tx: Tx) -> None:
            job = await self._change(tx, pool_id, job_id, lambda job: msgspec.structs.replace(_still_created(job), uploading=upload))
            await tx.run("DELETE FROM import_parts WHERE pool_id = $1 AND job_id = $2 AND upload <> $3", pool_id, job_id, job.upload)

        await self._engine.write(unit)

    async def add_part(self, pool_id: str, job_id: str, upload: str, part: int, data: bytes) -> None:
        """Raises Stale when another file has come in between, or the job has started."""

        async def unit(tx: Tx) -> None:
            row = await tx.row("SELECT uploading, status FROM import_jobs WHERE pool_id = $1 AND job_id = $2", pool_id, job_id)
            if row is None or tuple(row) != (upload, "Created"):
                raise Stale(job_id)
            sql = "INSERT INTO import_parts (pool_id, job_id, upload, part, data) VALUES ($1, $2, $3, $4, $5)"
            await tx.run(sql, pool_id, job_id, upload, part, data)

        await self._engine.write(unit)

    async def end_upload(self, pool_id: str, job_id: str, upload: str, size: int, lines: int) -> None:
        """The file is whole, and takes the place of an earlier one. Raises Missing and Stale."""

        def update(job: ImportJob) -> ImportJob:
            if _still_created(job).uploading != upload:
                raise Stale(job_id)
            return msgspec.structs.replace(job, uploading="", upload=upload, size=size, lines=lines)

        async def unit(tx: Tx) -> None:
            await self._change(tx, pool_id, job_id, update)
            await tx.run("DELETE FROM import_parts WHERE pool_id = $1 AND job_id = $2 AND upload <> $3", pool_id, job_id, upload)

        await self._engine.write(unit)

    async def part(self, job: ImportJob, part: int) -> bytes | None:
        row = await self._engine.row(
            "SELECT data FROM import_parts WHERE pool_id = $1 AND job_id = $2 AND upload = $3 AND part = $4",
            job.pool_id,
            job.job_id,
            job.upload,
            part,
        )
        return row[0] if row else None

    async def drop_file(self, pool_id: str, job_id: str) -> None:
        """Removes the file, part by part so that nobody waits for it."""
        gone = (
            "DELETE FROM import_parts WHERE pool_id = $1 AND job_id = $2 AND part IN"
            " (SELECT part FROM import_parts WHERE pool_id = $1 AND job_id = $2 LIMIT $3)"
        )
        while await self._engine.write(lambda tx: tx.run(gone, pool_id, job_id, _PARTS_AT_ONCE), large=True):
            pass

    # The work

    async def claim(self, owner: str, now: float, until: float) -> ImportJob | None:
        """The oldest job that waits for someone, now the owner's until `until`; None where there is nothing to do."""

        async def unit(tx: Tx) -> ImportJob | None:
            row = await tx.row(
                f"SELECT {_COLUMNS} FROM import_jobs WHERE {_IS_UNFINISHED} AND leased_until <= $1 ORDER BY created_at LIMIT 1", now
            )
            if row is None:
                return None
            job = msgspec.structs.replace(_job(row), owner=owner, leased_until=until)
            await tx.run(_UPDATE, *msgspec.structs.astuple(job))
            return job

        # Nearly always there is nothing: then no unit is opened for it.
        waits = await self._engine.row(f"SELECT 1 FROM import_jobs WHERE {_IS_UNFINISHED} AND leased_until <= $1 LIMIT 1", now)
        return await self._engine.write(unit) if waits else None

    async def unfinished(self) -> ImportJob | None:
        """The job at work, of whatever pool, whoever has it."""
        row = await self._engine.row(f"SELECT {_COLUMNS} FROM import_jobs WHERE {_IS_UNFINISHED} ORDER BY created_at LIMIT 1")
        return _job(row) if row else None

    async def held(self, tx: Tx, job: ImportJob) -> ImportJob:
        """Within a unit: the job as it stands, still its owner's and worked off as far as `job` says. Raises Stale."""
        row = await tx.row(f"SELECT {_COLUMNS} FROM import_jobs WHERE pool_id = $1 AND job_id = $2", job.pool_id, job.job_id)
        present = _job(row) if row else None
        if present is None or present.status not in UNFINISHED or (present.owner, present.done) != (job.owner, job.done):
            raise Stale(job.job_id)
        return present

    async def advance(self, tx: Tx, job: ImportJob, log: Sequence[Run]) -> None:
        """Within the unit of a batch: what the job has come to, and what became of the batch's lines."""
        await tx.run(_UPDATE, *msgspec.structs.astuple(job))
        if log:
            sql = "INSERT INTO import_log (pool_id, job_id, line, body) VALUES ($1, $2, $3, $4)"
            await tx.run(sql, job.pool_id, job.job_id, log[0].first, _encode(log).decode())

    async def log(self, pool_id: str, job_id: str, after: int, limit: int = 20) -> list[Run]:
        """The runs of the next batches behind line `after`, in order; [] at the end."""
        rows = await self._engine.rows(
            "SELECT body FROM import_log WHERE pool_id = $1 AND job_id = $2 AND line > $3 ORDER BY line LIMIT $4",
            pool_id,
            job_id,
            after,
            limit,
        )
        return [run for row in rows for run in _decode(row[0])]

    async def expired(self, before: float) -> list[tuple[str, str]]:
        """Marks jobs that were made before then and never started as expired; pool and id of each: their files are to be dropped."""

        async def unit(tx: Tx) -> list[tuple[str, str]]:
            rows = await tx.rows(
                "SELECT pool_id, job_id FROM import_jobs WHERE status = 'Created' AND created_at <= $1 ORDER BY created_at LIMIT 100",
                before,
            )
            for pool_id, job_id in rows:
                sql = "UPDATE import_jobs SET status = 'Expired', uploading = '', upload = '' WHERE pool_id = $1 AND job_id = $2"
                await tx.run(sql, pool_id, job_id)
            return [(row[0], row[1]) for row in rows]

        waits = await self._engine.row("SELECT 1 FROM import_jobs WHERE status = 'Created' AND created_at <= $1 LIMIT 1", before)
        return await self._engine.write(unit) if waits else []

    async def leftovers(self) -> list[tuple[str, str]]:
        """Jobs that ended and whose file is still there: whoever ended them died before it was dropped."""
        rows = await self._engine.rows(
            "SELECT DISTINCT p.pool_id, p.job_id FROM import_parts p JOIN import_jobs j ON j.pool_id = p.pool_id AND j.job_id = p.job_id"
            f" WHERE j.status <> 'Created' AND NOT j.{_IS_UNFINISHED} LIMIT 100"
        )
        return [(row[0], row[1]) for row in rows]


def _still_created(job: ImportJob) -> ImportJob:
    if job.status != "Created":
        raise Stale(job.job_id)
    return job
