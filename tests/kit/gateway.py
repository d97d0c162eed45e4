"""A live server with a gateway in front of moto's S3 and of a plain HTTP service, and credentials of a role to come with."""

from __future__ import annotations

import http.server
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from tests.kit.live import REGION, Live

ACCOUNT = "000000000000"
STORE_KEYS = {"access_key_id": "AKIDSTORESTORESTORE1", "secret_access_key": "the secret of the store"}
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}]}


def gateway_url(live: Live) -> str:
    """Where the gateway beside a server listens: its log says so."""
    found = re.findall(r'"url": ?"(http://127\.0\.0\.1:[0-9]+)"', live.stderr)
    assert found, live.stderr
    return str(found[-1])


@contextmanager
def running(data: Path, routes: dict[str, Any]) -> Iterator[tuple[Live, str]]:
    section = {"port": 0, "routes": routes}
    with Live(data, environment={"COGNOMEN_GATEWAY": json.dumps(section)}) as live:
        yield live, gateway_url(live)


def allow(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def role(live: Live, name: str, policy: str) -> str:
    """A role's ARN."""
    iam = live.boto(service="iam")
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
    return arn


def assumed(live: Live, arn: str, name: str = "kim") -> dict[str, str]:
    """What boto3 takes as its credentials."""
    given = live.boto(service="sts").assume_role(RoleArn=arn, RoleSessionName=name)["Credentials"]
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


def s3(url: str, credentials: dict[str, str], **config: Any) -> Any:
    settings = Config(
        retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30, **{"s3": {"addressing_style": "path"}, **config}
    )
    return boto3.Session(**credentials, region_name=REGION).client("s3", endpoint_url=url, config=settings)


class Echo:
    """A service that answers with what it was sent: request line, headers and body, as JSON."""

    def __init__(self) -> None:
        seen: list[dict[str, Any]] = []
        self.seen = seen

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _echo(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length) if length else b""
                while self.headers.get("transfer-encoding") == "chunked":
                    size = int(self.rfile.readline(), 16)
                    body += self.rfile.read(size)
                    self.rfile.readline()
                    if not size:
                        break
                told = {"line": self.requestline, "headers": [list(each) for each in self.headers.items()], "body": body.decode("latin-1")}
                seen.append(told)
                answer = json.dumps(told).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = _echo  # noqa: N815  # as the library names them

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def raw(url: str, request: bytes, seconds: float = 5.0) -> bytes:
    """All that comes back for these bytes, until the connection ends or falls silent."""
    host, port = url.removeprefix("http://").split(":")
    out = b""
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        connection.sendall(request)
        connection.settimeout(0.5)
        try:
            while piece := connection.recv(65536):
                out += piece
        except (TimeoutError, ConnectionResetError):
            pass
    return out


ALL = allow({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})


class Stage:
    def __init__(self, live: Live, url: str, store: Any) -> None:
        self.live = live
        self.url = url
        self.store = store
        self.hosted = url.replace("127.0.0.1", "s3.localhost")
        self.everything = assumed(live, role(live, "All", ALL))

    def client(self, name: str, *statements: dict[str, Any], **config: Any) -> Any:
        return s3(self.url, assumed(self.live, role(self.live, name, allow(*statements))), **config)


@contextmanager
def staged(data: Path) -> Iterator[Stage]:
    """A store with a bucket `files`, behind a gateway by path and by host."""
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    httpx.post(f"http://{host}:{port}/moto-api/reset")  # all of a process's moto servers have one memory
    store = boto3.client(
        "s3", endpoint_url=f"http://{host}:{port}", aws_access_key_id="any", aws_secret_access_key="any", region_name="us-east-1"
    )
    store.create_bucket(Bucket="files")
    routes = {
        "files": {"kind": "s3", "url": f"http://{host}:{port}", **STORE_KEYS},
        "hosts": {"kind": "s3", "url": f"http://{host}:{port}", "host": "s3.localhost", **STORE_KEYS},
    }
    with running(data, routes) as (live, url):
        yield Stage(live, url, store)
    moto.stop()


def refusal(call: Any, **members: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**members)
    found = error.value.response["Error"]
    return found["Code"], found["Message"]
