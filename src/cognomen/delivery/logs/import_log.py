"""The log of an import job in CloudWatch Logs, as Amazon Cognito writes it: a stream for each job, in the group of its pool.

At most once: a batch whose lines cannot be sent is not sent again. The whole log is in the database, for `cognomen import log`.
https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool.html ("Viewing the user pool import results")
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from cognomen.delivery.logs.aws_sinks import CloudWatchLogs
from cognomen.delivery.logs.destination import Destination
from cognomen.delivery.logs.sink import NotSent
from cognomen.kernel.aws import Aws
from cognomen.kernel.clock import Clock
from cognomen.kernel.log import get_logger
from cognomen.kernel.threads import Threads
from cognomen.storage.imports import ImportJob, Run
from cognomen.storage.logs import LogEntry
from cognomen.storage.pools import Pool

_NOT_OF_A_GROUP = re.compile(r"[^A-Za-z0-9._/#-]")
log = get_logger("logs")


class ImportLog(Protocol):
    async def tell(self, pool: Pool, job: ImportJob, runs: Sequence[Run]) -> None:
        """What became of the lines of one batch. Raises nothing: an import does not depend on it."""
        ...

    def stop(self) -> None: ...


class NoImportLog:
    async def tell(self, pool: Pool, job: ImportJob, runs: Sequence[Run]) -> None:  # the port's form
        pass

    def stop(self) -> None:
        pass


class CloudWatchImportLog:
    """Where nothing leads to CloudWatch Logs, or a job's lines were refused once, it stays silent."""

    def __init__(self, aws: Aws, clock: Clock) -> None:
        self._aws = aws
        self._clock = clock
        self._threads = Threads("import log", 1)
        self._silent = ""  # the job that was refused

    async def tell(self, pool: Pool, job: ImportJob, runs: Sequence[Run]) -> None:
        if not self._aws.reaches("logs") or self._silent == job.job_id:
            return
        name = _NOT_OF_A_GROUP.sub("_", f"/aws/cognito/userpools/{pool.pool_id}/{pool.settings.pool.name}")
        sink = CloudWatchLogs(self._aws, Destination("logs", pool.region, name), job.job_id, makes_group=True)
        now = self._clock.now()
        entries = [LogEntry(pool.pool_id, "import", "", now, text) for run in runs for text in lines(run)]
        try:
            if entries:
                await self._threads.run(partial(sink.send, entries))
        except NotSent as error:
            self._silent = job.job_id
            log.warning("an import's log is not in CloudWatch Logs; `cognomen import log` shows it", job_id=job.job_id, reason=str(error))

    def stop(self) -> None:
        self._threads.stop()


def lines(run: Run) -> list[str]:
    """In AWS's words: `[SUCCEEDED] Line Number 5956 - The import succeeded.`"""
    return [f"[{run.outcome}] Line Number {line} - {run.reason}" for line in range(run.first, run.last + 1)]
