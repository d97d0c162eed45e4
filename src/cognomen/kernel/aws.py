"""Calls to AWS's own services, or to what speaks like them: endpoint, signature, answer. Blocks: for threads."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import msgspec

from cognomen.kernel import aws_hosts, outbound, received

_TIMEOUT = 5.0


# Where a service's name is not its host's or its signature's.
_HOSTS = {"sesv2": "email"}
_SIGNED_AS = {"sesv2": "ses"}
_BUSY = frozenset(("Throttling", "ThrottlingException", "TooManyRequestsException", "Throttled"))
_XML_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,100})</Code>")


class AwsError(Exception):
    """The call had no effect. `code` is AWS's name of the error, empty where no answer came; the text is one sentence. `again` where the
    same call may have one later, and surely had none now. `body` is what a query service said beside it; it may quote the request."""

    def __init__(self, text: str, code: str = "", *, again: bool = False, body: bytes = b"") -> None:
        super().__init__(text)
        self.code = code
        self.again = again
        self.body = body


class Aws(msgspec.Struct, frozen=True):
    """Credentials, and the endpoints (by service) that stand for AWS's own. Where `abroad` is False there are no others: a server for
    development must not send anybody's data to AWS because the machine has credentials."""

    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    endpoints: dict[str, str] = {}
    abroad: bool = True

    def call(self, service: str, region: str, target: str, request: dict[str, Any], *, version: str = "1.1") -> dict[str, Any]:
        """An operation of a JSON service, of `version` 1.0 or 1.1: `target` is `Prefix.Operation`. Raises AwsError."""
        headers = {"content-type": f"application/x-amz-json-{version}", "x-amz-target": target}
        answer = self._send("POST", f"{self._url(service, region)}/", service, region, headers, msgspec.json.encode(request))
        found = _json(service, answer)
        if answer.status != 200:
            raise _refused(service, answer.status, str(found.get("__type", "")).rpartition("#")[2])
        return found

    def rest(self, service: str, region: str, method: str, path: str, request: dict[str, Any] | None = None) -> dict[str, Any]:
        """An operation of a REST-JSON service. Raises AwsError."""
        body = msgspec.json.encode(request) if request is not None else b""
        headers = {"content-type": "application/json"} if body else {}
        answer = self._send(method, f"{self._url(service, region)}{path}", service, region, headers, body)
        if answer.status != 200:
            # The error's name stands in a header; some stand-ins answer with XML or text all the same.
            raise _refused(service, answer.status, answer.header("x-amzn-errortype").partition(":")[0])
        return _json(service, answer)

    def query(self, service: str, region: str, parameters: dict[str, str]) -> bytes:
        """An operation of a query service: the XML that it answers. Raises AwsError."""
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        answer = self._send("POST", f"{self._url(service, region)}/", service, region, headers, urlencode(parameters).encode())
        if answer.status != 200:
            code = _XML_CODE.search(answer.body)
            refusal = _refused(service, answer.status, code[1].decode() if code else "")
            refusal.body = answer.body
            raise refusal
        return answer.body

    def put_object(self, bucket: str, key: str, region: str, headers: dict[str, str], body: bytes) -> None:
        """Raises AwsError."""
        own = self.endpoints.get("s3")
        url = f"{own.rstrip('/')}/{bucket}" if own else _public("s3", region, f"{bucket}.")
        answer = self._send("PUT", f"{url}/{key}", "s3", region, headers, body)
        if answer.status != 200:
            raise AwsError(f"s3 answered {answer.status}")

    def reaches(self, service: str) -> bool:
        """Is there anything to call, and a key to sign with?"""
        return bool((self.endpoints.get(service) or self.abroad) and self.access_key_id and self.secret_access_key)

    def send(
        self, method: str, service: str, region: str, path: str, headers: dict[str, str], body: bytes, *, most: int = 1 << 20
    ) -> outbound.Answer:
        """A request of a REST service, and its answer whatever its status. Raises AwsError."""
        return self._send(method, f"{self._url(service, region)}{path}", service, region, headers, body, most=most)

    def _send(
        self, method: str, url: str, service: str, region: str, headers: dict[str, str], body: bytes, *, most: int = 1 << 20
    ) -> outbound.Answer:
        if not (self.endpoints.get(service) or self.abroad):
            raise AwsError(f"aws_endpoint_{service.replace('-', '_')} is not set, and dev calls no service of AWS by itself")
        if not (self.access_key_id and self.secret_access_key):
            raise AwsError(f"there are no AWS credentials to call {service} with")
        try:
            return outbound.send(
                method, url, headers=self._signed(method, url, service, region, headers, body), body=body, timeout=_TIMEOUT, most=most
            )
        except outbound.Unreachable as error:
            raise AwsError(str(error), again=not isinstance(error.__cause__, TimeoutError)) from error

    def _url(self, service: str, region: str) -> str:
        return (self.endpoints.get(service) or _public(service, region)).rstrip("/")

    def _signed(self, method: str, url: str, service: str, region: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
        # The signer alone, and where it is first needed: 60 ms and 5 MB, which no other server need pay.
        from botocore.auth import S3SigV4Auth, SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        request = AWSRequest(method=method, url=url, headers=headers, data=body)
        credentials = Credentials(self.access_key_id, self.secret_access_key, self.session_token or None)
        (S3SigV4Auth if service == "s3" else SigV4Auth)(credentials, _SIGNED_AS.get(service, service), region).add_auth(request)
        return dict(request.headers.items())


def _public(service: str, region: str, before: str = "") -> str:
    """AWS's own address. Raises AwsError for a region that is none: a pool's settings name it, and a key of ours signs what goes there."""
    try:
        return f"https://{before}{aws_hosts.host(_HOSTS.get(service, service), region)}"
    except ValueError as error:
        raise AwsError(f"{service} cannot be called: the region is none of AWS") from error


def _json(service: str, answer: outbound.Answer) -> dict[str, Any]:
    try:
        return received.json(answer.body, dict[str, Any]) if answer.body else {}
    except received.NotJson as error:
        raise AwsError(f"{service} did not answer with JSON (status {answer.status})") from error


def _refused(service: str, status: int, code: str) -> AwsError:
    return AwsError(f"{service} answered {status} {code}".strip(), code, again=status >= 500 or status == 429 or code in _BUSY)
