"""Import jobs: users of a CSV file, made in the background by `imports_run`; the file comes in by `imports_upload`.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool.html
"""

from __future__ import annotations

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel import ids, paging
from cognomen.storage.errors import Missing, Stale, Taken
from cognomen.storage.imports import ImportJob
from cognomen.storage.pools import Pool
from cognomen.userpools import find, imports_upload, pages
from cognomen.userpools.rules import import_rows

EXPIRES = 86_400.0  # seconds after which a job that was not started is gone
STOPPED = "The Import Job was stopped by the developer."  # AWS CLI reference, stop-user-import-job
MOST_JOBS = 1000  # of a pool: https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html
_MOST_LISTED = 50


@op
async def get_csv_header(cx: Context, request: idp.GetCSVHeaderRequest) -> idp.GetCSVHeaderResponse:
    pool = await find.pool(cx, request.user_pool_id)
    return idp.GetCSVHeaderResponse(user_pool_id=pool.pool_id, csv_header=import_rows.header_of(pool))


@op
async def create_user_import_job(cx: Context, request: idp.CreateUserImportJobRequest) -> idp.CreateUserImportJobResponse:
    """The role is kept and shown; the log that AWS writes with it is read by `cognomen import log`."""
    pool = await find.pool(cx, request.user_pool_id)
    job = new_job(cx.clock.now(), pool, request)
    try:
        await cx.store.imports.add(job, MOST_JOBS)
    except Stale as cause:
        raise errors.LimitExceededException(f"A user pool can have {MOST_JOBS} user import jobs.") from cause
    except Missing as cause:
        raise errors.ResourceNotFoundException(f"User pool {pool.pool_id} does not exist.") from cause
    return idp.CreateUserImportJobResponse(user_import_job=_shown(cx, job))


def new_job(now: float, pool: Pool, request: idp.CreateUserImportJobRequest) -> ImportJob:
    return ImportJob(
        pool_id=pool.pool_id,
        job_id=ids.import_job_id(),
        name=request.job_name,
        role_arn=request.cloud_watch_logs_role_arn,
        hashing=request.password_hashing_algorithm,
        created_at=now,
    )


@op
async def start_user_import_job(cx: Context, request: idp.StartUserImportJobRequest) -> idp.StartUserImportJobResponse:
    """One job is at work at a time, as in an account of AWS."""
    pool = await find.pool(cx, request.user_pool_id)
    await _existing(cx, pool, request.job_id)
    job = await start(cx, pool, request.job_id)
    cx.imports.set()
    return idp.StartUserImportJobResponse(user_import_job=_shown(cx, job))


async def start(cx: Context, pool: Pool, job_id: str) -> ImportJob:
    """The job waits for a runner from now on. Raises PreconditionNotMetException."""
    now = cx.clock.now()

    def update(job: ImportJob) -> ImportJob:
        check_startable(pool, job, now)
        return msgspec.structs.replace(job, status="Pending", started_at=now, uploading="")

    try:
        return await cx.store.imports.start(pool.pool_id, job_id, update)
    except Taken as cause:
        raise errors.PreconditionNotMetException("Another user import job is in progress.") from cause
    except Missing as cause:
        raise _no_job(job_id) from cause


def check_startable(pool: Pool, job: ImportJob, now: float) -> None:
    """Raises PreconditionNotMetException."""
    status = status_of(job, now)
    if status != "Created":
        raise errors.PreconditionNotMetException(f"The user import job {job.job_id} cannot be started: its status is {status}.")
    if not job.upload:
        raise errors.PreconditionNotMetException(f"No csv file was uploaded for {job.job_id}")  # amplify-js #6416
    if not pool.settings.pool.auto_verified_attributes:
        raise errors.PreconditionNotMetException("The user pool must have at least one auto verified attribute.")


@op
async def stop_user_import_job(cx: Context, request: idp.StopUserImportJobRequest) -> idp.StopUserImportJobResponse:
    """A job that nobody works on yet is stopped at once; one at work when its present batch is done."""
    pool = await find.pool(cx, request.user_pool_id)
    await _existing(cx, pool, request.job_id)
    now = cx.clock.now()

    def update(job: ImportJob) -> ImportJob:
        if job.status not in ("Pending", "InProgress"):
            raise errors.PreconditionNotMetException(
                f"The user import job {job.job_id} cannot be stopped: its status is {status_of(job, now)}."
            )
        if job.status == "Pending" and not job.owner:
            return msgspec.structs.replace(job, status="Stopped", completed_at=now, message=STOPPED)
        return msgspec.structs.replace(job, status="Stopping")

    try:
        job = await cx.store.imports.change(pool.pool_id, request.job_id, update)
    except Missing as cause:
        raise _no_job(request.job_id) from cause
    cx.imports.set()
    return idp.StopUserImportJobResponse(user_import_job=_shown(cx, job))


@op
async def describe_user_import_job(cx: Context, request: idp.DescribeUserImportJobRequest) -> idp.DescribeUserImportJobResponse:
    pool = await find.pool(cx, request.user_pool_id)
    return idp.DescribeUserImportJobResponse(user_import_job=_shown(cx, await _existing(cx, pool, request.job_id)))


@op
async def list_user_import_jobs(cx: Context, request: idp.ListUserImportJobsRequest) -> idp.ListUserImportJobsResponse:
    """The newest first; the model lets an answer have fifty at most."""
    pool = await find.pool(cx, request.user_pool_id)
    bound = paging.bound("ListUserImportJobs", pool.pool_id)
    after = pages.position(cx, bound, request.pagination_token)
    limit = min(request.max_results, _MOST_LISTED)
    found = await cx.store.imports.page(pool.pool_id, (float(after[0]), after[1]) if after else None, limit + 1)
    token = cx.pager.token(bound, [repr(found[limit - 1].created_at), found[limit - 1].job_id]) if len(found) > limit else None
    return idp.ListUserImportJobsResponse(user_import_jobs=[_shown(cx, job) for job in found[:limit]], pagination_token=token)


async def _existing(cx: Context, pool: Pool, job_id: str) -> ImportJob:
    job = await cx.store.imports.get(pool.pool_id, job_id)
    if job is None:
        raise _no_job(job_id)
    return job


def _no_job(job_id: str) -> errors.ResourceNotFoundException:
    return errors.ResourceNotFoundException(f"User import job {job_id} does not exist.")


def status_of(job: ImportJob, now: float) -> str:
    """A job that was not started in time is expired, whether or not the runner has come by to say so."""
    return "Expired" if job.status == "Created" and job.created_at + EXPIRES <= now else job.status


def _shown(cx: Context, job: ImportJob) -> idp.UserImportJobType:
    return idp.UserImportJobType(
        job_name=job.name,
        job_id=job.job_id,
        user_pool_id=job.pool_id,
        pre_signed_url=imports_upload.url(cx, job),
        creation_date=job.created_at,
        start_date=job.started_at,
        completion_date=job.completed_at,
        status=status_of(job, cx.clock.now()),
        cloud_watch_logs_role_arn=job.role_arn,
        imported_users=job.imported,
        skipped_users=job.skipped,
        failed_users=job.failed,
        completion_message=job.message,
        password_hashing_algorithm=job.hashing,
    )
