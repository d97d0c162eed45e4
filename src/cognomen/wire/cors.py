"""Cross-origin answers as AWS gives them: any origin may ask, whatever headers it wants to send. Refuses nothing: there are no cookies."""

from __future__ import annotations

from cognomen.wire.request import Answer, Header, HttpRequest

# The four headers that a live SignUp exposes.
EXPOSED = b"x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date"
ALLOW: list[Header] = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", EXPOSED)]
# What browser SDKs send; reflected instead where the browser says what it wants (Amplify lets an app add headers of its own).
USUAL = b"content-type,x-amz-target,x-amz-user-agent,x-amz-date,x-amz-security-token,authorization,cache-control,amz-sdk-invocation-id,amz-sdk-request"
METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
MAX_AGE = b"172800"


def preflight(request: HttpRequest) -> Answer:
    """The answer to an OPTIONS request."""
    headers = [
        *ALLOW,
        (b"access-control-allow-headers", request.header(b"access-control-request-headers") or USUAL),
        (b"access-control-allow-methods", METHODS),
        (b"access-control-max-age", MAX_AGE),
        (b"vary", b"access-control-request-headers"),
    ]
    return Answer(200, headers, b"")
