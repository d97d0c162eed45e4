"""The file of an import job as it comes in: whoever has the job's URL may put it there for fifteen minutes, and put another in its place,
until the job starts. It is kept in sealed parts, since it holds people's data, and memory holds one part.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-creating-import-job.html
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlencode

from cognomen.context import Context
from cognomen.kernel import base64url, ids, secrets
from cognomen.kernel.secrets import Sealer
from cognomen.storage.errors import Missing, Stale
from cognomen.storage.imports import ImportJob, ImportJobs
from cognomen.userpools.rules.import_rows import MOST_BYTES

PATH = "/user-import"
PART = 256 << 10  # bytes of the file in each part but the last
_URL_SECONDS = 900
_PURPOSE = "user-import"


class Refused(Exception):
    """The file is not taken. `code` is what S3, where AWS has these files, says to that."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def url(cx: Context, job: ImportJob) -> str:
    """PreSignedUrl: the same on each call by the same name of the server."""
    expires = int(job.created_at) + _URL_SECONDS
    query = urlencode({"Expires": expires, "Signature": _signature(cx.sealer, job.pool_id, job.job_id, expires)})
    return f"{cx.base_url}{PATH}/{job.pool_id}/{job.job_id}?{query}"


async def receive(
    cx: Context, pool_id: str, job_id: str, expires: str, signature: str, announced: int | None, body: AsyncIterator[bytes]
) -> None:
    """Takes the file. `announced` is its length, where the request says. Raises Refused."""
    if not (expires.isascii() and expires.isdigit() and len(expires) < 16) or not secrets.equal(
        signature.encode("utf-8", "replace"), _signature(cx.sealer, pool_id, job_id, int(expires)).encode()
    ):
        raise Refused("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")
    if int(expires) <= cx.clock.now():
        raise Refused("AccessDenied", "Request has expired")
    if announced is not None and announced > MOST_BYTES:
        raise _too_large()
    await keep(cx.store.imports, cx.sealer, pool_id, job_id, body)


async def keep(jobs: ImportJobs, sealer: Sealer, pool_id: str, job_id: str, body: AsyncIterator[bytes]) -> None:
    """Keeps the file as the job's, in the place of an earlier one. Raises Refused."""
    upload = ids.uuid()
    try:
        await jobs.begin_upload(pool_id, job_id, upload)
        size = lines = part = 0
        waiting, last = bytearray(), b"\n"
        async for piece in body:
            size += len(piece)
            if size > MOST_BYTES:
                raise _too_large()
            lines += piece.count(b"\n")
            last = piece[-1:] or last
            waiting += piece
            while len(waiting) >= PART:
                await jobs.add_part(pool_id, job_id, upload, part, _seal(sealer, job_id, upload, part, bytes(waiting[:PART])))
                del waiting[:PART]
                part += 1
        if waiting:
            await jobs.add_part(pool_id, job_id, upload, part, _seal(sealer, job_id, upload, part, bytes(waiting)))
        if not size:
            raise Refused("InvalidRequest", "The file is empty.")
        await jobs.end_upload(pool_id, job_id, upload, size, lines + (last != b"\n"))
    except Missing as cause:
        raise Refused("NoSuchKey", "The user import job does not exist.") from cause
    except Stale as cause:
        raise Refused("OperationAborted", "The user import job has started, has ended, or gets another file now.") from cause


async def part(jobs: ImportJobs, sealer: Sealer, job: ImportJob, number: int) -> bytes:
    """A part of the job's file; b"" behind its end."""
    sealed = await jobs.part(job, number)
    return b"" if sealed is None else sealer.open(_PURPOSE, sealed, _bound(job.job_id, job.upload, number))


def _seal(sealer: Sealer, job_id: str, upload: str, number: int, data: bytes) -> bytes:
    return sealer.seal(_PURPOSE, data, _bound(job_id, upload, number))


def _bound(job_id: str, upload: str, number: int) -> bytes:
    return f"{job_id}/{upload}/{number}".encode()


def _signature(sealer: Sealer, pool_id: str, job_id: str, expires: int) -> str:
    return base64url.encode(
        sealer.mac(_PURPOSE, pool_id.encode("utf-8", "replace"), job_id.encode("utf-8", "replace"), str(expires).encode())
    )


def _too_large() -> Refused:
    return Refused("EntityTooLarge", f"The file is larger than {MOST_BYTES >> 20} MB.")
