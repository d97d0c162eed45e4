"""Where the CSV file of a user import is put: what S3 is for AWS. Its errors are S3's XML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cognomen.context import Context
from cognomen.userpools import imports_upload
from cognomen.userpools.imports_upload import PATH, Refused

_STATUS = {"EntityTooLarge": 400, "InvalidRequest": 400, "NoSuchKey": 404, "OperationAborted": 409}


def routes(context: Callable[[Request], Context]) -> Sequence[BaseRoute]:
    async def upload(request: Request) -> Response:
        """AWS wants the header x-amz-server-side-encryption: aws:kms; here every file is sealed, with it or without."""
        given, asked = request.path_params, request.query_params
        length = request.headers.get("content-length", "")
        try:
            await imports_upload.receive(
                context(request),
                given["pool_id"],
                given["job_id"],
                asked.get("Expires", ""),
                asked.get("Signature", ""),
                int(length) if length.isdigit() else None,
                request.stream(),
            )
        except Refused as refused:
            body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{refused.code}</Code><Message>{escape(refused.text)}</Message></Error>'
            # What is left of the body is not read.
            return Response(body, _STATUS.get(refused.code, 403), {"connection": "close"}, media_type="application/xml")
        except ClientDisconnect:
            return Response(status_code=400)
        return Response(status_code=200)

    return [Route(f"{PATH}/{{pool_id}}/{{job_id}}", upload, methods=["PUT"])]
