"""Calls to AWS's own services, or to what speaks like them: endpoint, signature, answer. Blocks: for threads."""

from __future__ import annotations

from typing import Any

import msgspec

from cognomen.kernel import outbound

_TIMEOUT = 5.0


class AwsError(Exception):
    """The call had no effect. `code` is AWS's name of the error, empty where no answer came; the text is one sentence."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class Aws(msgspec.Struct, frozen=True):
    """Credentials, and the endpoints (by service) that stand for AWS's own. Where `abroad` is False there are no others: a server for
    development must not send anybody's data to AWS because the machine has credentials."""

    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    endpoints: dict[str, str] = {}
    abroad: bool = True

    def call(self, service: str, region: str, target: str, request: dict[str, Any]) -> dict[str, Any]:
        """An operation of a JSON 1.1 service: `target` is `Prefix.Operation`. Raises AwsError."""
        url = self.endpoints.get(service) or f"https://{service}.{region}.amazonaws.com"
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": target}
        answer = self._send("POST", f"{url.rstrip('/')}/", service, region, headers, msgspec.json.encode(request))
        try:
            found = msgspec.json.decode(answer.body, type=dict[str, Any]) if answer.body else {}
        except (msgspec.DecodeError, ValueError) as error:
            raise AwsError(f"{service} did not answer with JSON (status {answer.status})") from error
        if answer.status != 200:
            code = str(found.get("__type", "")).rpartition("#")[2]
            raise AwsError(f"{service} answered {answer.status} {code}".strip(), code)
        return found

    def put_object(self, bucket: str, key: str, region: str, headers: dict[str, str], body: bytes) -> None:
        """Raises AwsError."""
        own = self.endpoints.get("s3")
        url = f"{own.rstrip('/')}/{bucket}" if own else f"https://{bucket}.s3.{region}.amazonaws.com"
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
        url = self.endpoints.get(service) or f"https://{service}.{region}.amazonaws.com"
        return self._send(method, f"{url.rstrip('/')}{path}", service, region, headers, body, most=most)

    def _send(
        self, method: str, url: str, service: str, region: str, headers: dict[str, str], body: bytes, *, most: int = 1 << 20
    ) -> outbound.Answer:
        if not (self.endpoints.get(service) or self.abroad):
            raise AwsError(f"aws_endpoint_{service} is not set, and dev calls no service of AWS by itself")
        if not (self.access_key_id and self.secret_access_key):
            raise AwsError(f"there are no AWS credentials to call {service} with")
        try:
            return outbound.send(
                method, url, headers=self._signed(method, url, service, region, headers, body), body=body, timeout=_TIMEOUT, most=most
            )
        except outbound.Unreachable as error:
            raise AwsError(str(error)) from error

    def _signed(self, method: str, url: str, service: str, region: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
        # The signer alone, and where it is first needed: 60 ms and 5 MB, which no other server need pay.
        from botocore.auth import S3SigV4Auth, SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        request = AWSRequest(method=method, url=url, headers=headers, data=body)
        credentials = Credentials(self.access_key_id, self.secret_access_key, self.session_token or None)
        (S3SigV4Auth if service == "s3" else SigV4Auth)(credentials, service, region).add_auth(request)
        return dict(request.headers.items())
