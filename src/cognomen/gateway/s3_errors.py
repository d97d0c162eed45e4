"""S3's errors, in its words and its XML: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""

from __future__ import annotations

import secrets
from typing import Final
from xml.sax.saxutils import escape

from cognomen.wire.request import Answer

# Texts as the service has them where they differ from that page: s3tools/s3cmd #736 (SignatureDoesNotMatch), soto #374 (HeadersNotSigned, in
# s3_caller.py). Denials: aws-ia/terraform-aws-bedrock #41 (S3), ASFHyP3/hyp3 #2283 (API Gateway, which hides most of the account).
# Status and text by code; GatewayTimeout and the text of InvalidChunkSizeError are our own.
_ERRORS: Final = {
    "AccessDenied": (403, "Access Denied"),
    "AuthorizationHeaderMalformed": (400, "The authorization header that you provided is not valid."),
    "AuthorizationQueryParametersError": (400, "The authorization query parameters that you provided are not valid."),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed size"),
    "ExpiredToken": (400, "The provided token has expired."),
    "GatewayTimeout": (504, "The storage behind the gateway takes too long."),
    "IncompleteBody": (400, "You did not provide the number of bytes specified by the Content-Length HTTP header"),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "InvalidAccessKeyId": (403, "The AWS Access Key Id you provided does not exist in our records."),
    "InvalidArgument": (400, "Invalid Argument"),
    "InvalidBucketName": (400, "The specified bucket is not valid."),
    "InvalidChunkSizeError": (403, "A signed chunk has at most 4 MiB here."),
    "InvalidRequest": (400, "Invalid Request"),
    "InvalidToken": (400, "The provided token is malformed or otherwise invalid."),
    "InvalidURI": (400, "Couldn't parse the specified URI."),
    "KeyTooLongError": (400, "Your key is too long"),
    "MalformedTrailerError": (
        400,
        "The request contained trailing data that was not well-formed or did not conform to our published schema.",
    ),
    "MalformedXML": (400, "The XML you provided was not well-formed or did not validate against our published schema"),
    "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
    "NotImplemented": (501, "A header you provided implies functionality that is not implemented"),
    "RequestTimeTooSkewed": (403, "The difference between the request time and the current time is too large."),
    "ServiceUnavailable": (503, "Service is unable to handle request."),
    "SignatureDoesNotMatch": (
        403,
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    ),
    "XAmzContentSHA256Mismatch": (400, "The provided 'x-amz-content-sha256' header does not match what was computed."),
}


class S3Error(Exception):
    """`more` are further elements: HeadersNotSigned, AWSAccessKeyId."""

    def __init__(self, code: str, text: str = "", **more: str) -> None:
        super().__init__(code)
        self.code = code
        self.status, usual = _ERRORS[code]
        self.text = text or usual
        self.more = more


def answer(error: S3Error, resource: str) -> Answer:
    request_id = secrets.token_hex(8).upper()
    elements = {"Code": error.code, "Message": error.text, **error.more, "Resource": resource, "RequestId": request_id}
    # What XML 1.0 cannot hold at all is replaced: a resource is anybody's to name.
    inner = "".join(f"<{name}>{escape(_printable(value))}</{name}>" for name, value in elements.items())
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()
    return Answer(error.status, [(b"content-type", b"application/xml"), (b"x-amz-request-id", request_id.encode())], body)


def _printable(text: str) -> str:
    return "".join(c if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff") else "\ufffd" for c in text)
