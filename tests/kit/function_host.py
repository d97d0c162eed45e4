"""Other places where functions run, on loopback: a Lambda API that checks signatures, and an address that checks an HMAC. Both misbehave on
request, as `MISBEHAVING` does in Python and in Node."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import unquote

from cognomen.wire import sigv4
from cognomen.wire.request import HttpRequest

ACCESS_KEY, SECRET_KEY = "AKIDFUNCTIONS", "the secret of the functions"
HMAC_SECRET = "a secret of the functions"
HUGE = 7_000_000

# What is no UTF-8: a runtime's client would not send it, so the function speaks to the Runtime API by itself.
BYTES = {"bytes answered": b'{"response": {"said": "\xff"}}', "bytes raised": b'{"errorMessage": "\xff"}'}

PYTHON = f"""
import os, urllib.request
calls = 0
def send(event, context):
    path = f"{{context.aws_request_id}}/{{'error' if event['do'] == 'bytes raised' else 'response'}}"
    url = f"http://{{os.environ['AWS_LAMBDA_RUNTIME_API']}}/2018-06-01/runtime/invocation/{{path}}"
    urllib.request.urlopen(urllib.request.Request(url, {BYTES}[event["do"]], method="POST")).read()
    os._exit(0)
def handler(event, context):
    global calls
    calls += 1
    do = event.get("do", "")
    print("asked to", do)
    if do == "raise":
        raise ValueError("no thanks")
    if do == "hang":
        while True:
            pass
    if do == "exit":
        os._exit(3)
    if do == "huge":
        return {{"response": {{"x": "y" * {HUGE}}}}}
    if do == "list":
        return ["response"]
    if do == "number":
        return {{"response": 7}}
    if do == "nothing":
        return None
    if do.startswith("bytes"):
        send(event, context)
    if do == "count":
        return {{"response": {{"calls": calls}}}}
    if do == "environment":
        return {{"response": dict(os.environ)}}
    return {{**event, "response": {{"said": event["text"]}}}}
"""

NODE = f"""
let calls = 0;
export const handler = async (event, context) => {{
  calls += 1;
  console.log("asked to", event.do);
  if (event.do === "raise") throw new Error("no thanks");
  if (event.do === "hang") while (true);
  if (event.do === "exit") process.exit(3);
  if (event.do === "huge") return {{ response: {{ x: "y".repeat({HUGE}) }} }};
  if (event.do === "list") return ["response"];
  if (event.do === "number") return {{ response: 7 }};
  if (event.do === "nothing") return null;
  if (event.do?.startsWith("bytes")) {{
    const raised = event.do === "bytes raised";
    const path = `${{context.awsRequestId}}/${{raised ? "error" : "response"}}`;
    const body = Buffer.from(raised ? '{{"errorMessage": "\\xff"}}' : '{{"response": {{"said": "\\xff"}}}}', "latin1");
    await fetch(`http://${{process.env.AWS_LAMBDA_RUNTIME_API}}/2018-06-01/runtime/invocation/${{path}}`, {{ method: "POST", body }});
    process.exit(0);
  }}
  if (event.do === "count") return {{ response: {{ calls }} }};
  if (event.do === "environment") return {{ response: process.env }};
  return {{ ...event, response: {{ said: event.text }} }};
}};
"""


def answer(event: dict[str, Any]) -> Any:
    """What PYTHON's handler answers where it answers."""
    fixed = {"huge": {"response": {"x": "y" * HUGE}}, "list": ["response"], "number": {"response": 7}, "nothing": None}
    return fixed[event["do"]] if event.get("do") in fixed else {**event, "response": {"said": event["text"]}}


class FunctionHost:
    """`kind` is "lambda" or "http". `refused` are the requests whose signature was not right."""

    def __init__(self, kind: str) -> None:
        self.refused: list[str] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.release = threading.Event()
        host = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                host.paths.append(unquote(self.path))
                host.headers.append({name.lower(): value for name, value in self.headers.items()})
                host.bodies.append(body)
                try:
                    (host.check_lambda if kind == "lambda" else host.check_hmac)(self, body)
                except Exception as error:  # noqa: BLE001 - whatever is wrong with it
                    host.refused.append(repr(error))
                    return self.reply(403, b"{}")
                if kind == "lambda" and ":function:unknown/" in unquote(self.path):
                    return self.reply(404, b'{"Type":"User","Message":"Function not found"}')
                event = json.loads(body)
                if event.get("do") == "hang":
                    host.release.wait(20)
                if event.get("do") == "exit" and kind == "http":
                    self.close_connection = True
                    return None
                if event.get("do", "") in BYTES:
                    return self.reply(200, BYTES[event["do"]], "Unhandled" if event["do"] == "bytes raised" else "")
                failed = {"raise": "no thanks", "exit": "RequestId: x Error: Runtime exited with error: exit status 3"}.get(
                    event.get("do", "")
                )
                if failed is not None:
                    return self.reply(200, json.dumps({"errorMessage": failed, "errorType": "ValueError"}).encode(), "Unhandled")
                return self.reply(200, json.dumps(answer(event)).encode())

            def reply(self, status: int, content: bytes, failure: str = "") -> None:
                self.send_response(status)
                if failure:
                    self.send_header("X-Amz-Function-Error", failure)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                try:
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def check_lambda(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in request.headers.items()]
        given = HttpRequest("POST", request.path.encode(), b"", headers, body, path=request.path)
        claim = sigv4.claimed(given)
        assert claim is not None
        sigv4.verify(given, claim, SECRET_KEY, service="lambda", now=time.time())

    def check_hmac(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        parts = dict(part.split("=", 1) for part in request.headers["x-cognomen-signature"].split(","))
        about = request.headers["x-cognomen-function"].encode()
        expected = hmac.new(HMAC_SECRET.encode(), parts["t"].encode() + b"." + about + b"." + body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(expected, parts["v1"])

    def __enter__(self) -> FunctionHost:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
