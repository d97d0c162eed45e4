"""Wherever a function runs, a trigger gets the same of it: its answer, its error, or AWS's error for what went wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import pytest

from cognomen.api.errors import ServiceError
from cognomen.kernel import outbound
from cognomen.kernel.aws import Aws
from cognomen.kernel.clock import SystemClock
from cognomen.kernel.secrets import Sealer
from cognomen.kernel.threads import Threads
from cognomen.triggers.http import HttpFunctions
from cognomen.triggers.invoke import Triggers
from cognomen.triggers.lambda_api import LambdaApi
from cognomen.triggers.local import LocalFunctions
from cognomen.triggers.runner import FunctionFailed, FunctionUnreachable, NoFunction, Routes, Runner
from cognomen.triggers.sender_keys import SenderKeys
from tests.kit import function_host
from tests.kit.function_host import FunctionHost
from tests.kit.functions import arn

ARN = arn("misbehaving")
UNRECOGNIZABLE = ("InvalidLambdaResponseException", "Unrecognizable lambda output")
SECONDS = 1.5  # for all tries but those that hang, a long time
TOO_LARGE = "PreSignUp failed with error Response payload size exceeded maximum allowed payload size (6291556 bytes)."
EXITED = "Error: Runtime exited with error: exit status 3."


def local(folder: Path, **environment: str) -> LocalFunctions:
    return LocalFunctions(folder, {}, environment, "us-east-1", SystemClock(), seconds=SECONDS)


def triggers(runner: Runner) -> Triggers:
    return Triggers(runner, SenderKeys(Sealer(b"\x07" * 32), Aws(), Threads("keys"), by_kms=False), seconds=SECONDS)


@pytest.fixture(params=["python", "node", "lambda", "http"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[str, Runner]]:
    """Each place, and its name."""
    kind: str = request.param
    if kind in ("python", "node"):
        (tmp_path / ("misbehaving.py" if kind == "python" else "misbehaving.mjs")).write_text(
            function_host.PYTHON if kind == "python" else function_host.NODE
        )
        functions = local(tmp_path)
        yield kind, functions
        await functions.close()
        return
    with FunctionHost(kind) as host:
        if kind == "lambda":
            key = (function_host.ACCESS_KEY, function_host.SECRET_KEY)
            yield kind, LambdaApi(Aws(*key, endpoints={"lambda": host.url}, abroad=False), Threads("functions"))
        else:
            yield kind, HttpFunctions({ARN: host.url}, function_host.HMAC_SECRET, SystemClock(), Threads("functions"), public_only=False)
        assert host.refused == []


async def ask(runner: Runner, do: str = "", name: str = ARN) -> dict[str, Any]:
    return await triggers(runner).ask("PreSignUp", name, {"do": do, "text": "Straße 'x' \u2028"})


async def refusal(runner: Runner, do: str, name: str = ARN) -> tuple[str, str]:
    with pytest.raises(ServiceError) as refused:
        await ask(runner, do, name)
    return refused.value.code, refused.value.message


class TestEveryPlace:
    async def test_answers(self, place: tuple[str, Runner]) -> None:
        assert await ask(place[1]) == {"said": "Straße 'x' \u2028"}

    async def test_raises(self, place: tuple[str, Runner]) -> None:
        """The function's own message, and no more of it."""
        expected = ("UserLambdaValidationException", "PreSignUp failed with error no thanks.")
        assert await refusal(place[1], "raise") == expected

    async def test_exits(self, place: tuple[str, Runner]) -> None:
        kind, runner = place
        code, message = await refusal(runner, "exit")
        if kind == "http":  # a connection that ends says no more than that
            assert (code, message) == ("UnexpectedLambdaException", "PreSignUp invocation failed due to error ServiceUnavailableException.")
        else:
            assert (code, message.endswith(EXITED)) == ("UserLambdaValidationException", True)
        assert "said" in await ask(runner), "the next one starts afresh"

    async def test_no_answer(self, place: tuple[str, Runner]) -> None:
        """A function that forgets to return the event."""
        assert await refusal(place[1], "nothing") == ("InvalidLambdaResponseException", "Invalid lambda function output : Invalid JSON")

    @pytest.mark.parametrize("do", ["list", "number"])
    async def test_wrong_typed(self, place: tuple[str, Runner], do: str) -> None:
        assert await refusal(place[1], do) == UNRECOGNIZABLE

    async def test_bytes_that_are_no_text(self, place: tuple[str, Runner]) -> None:
        """An answer that is not UTF-8 is no JSON (RFC 8259, section 8.1); an error that is not says nothing."""
        _, runner = place
        with pytest.raises(FunctionFailed, match="no JSON"):
            await triggers(runner).answer(ARN, {"do": "bytes answered"})
        assert await refusal(runner, "bytes answered") == (
            "InvalidLambdaResponseException",
            "Invalid lambda function output : Invalid JSON",
        )
        unknown = ("UserLambdaValidationException", "PreSignUp failed with error Unknown application error occurred.")
        assert await refusal(runner, "bytes raised") == unknown
        assert "said" in await ask(runner)

    async def test_huge(self, place: tuple[str, Runner]) -> None:
        """Refused here as Lambda refuses it; from elsewhere it is not even read to its end."""
        kind, runner = place
        found = await refusal(runner, "huge")
        if kind in ("python", "node"):
            assert found == ("UserLambdaValidationException", TOO_LARGE)
        else:
            assert found == ("UnexpectedLambdaException", "PreSignUp invocation failed due to error ServiceUnavailableException.")
        assert "said" in await ask(runner)

    async def test_hangs(self, place: tuple[str, Runner]) -> None:
        """Three tries, each given up when its time is up; and no process is left over."""
        kind, runner = place
        begun = time.monotonic()
        assert await refusal(runner, "hang") == ("UnexpectedLambdaException", "PreSignUp invocation failed due to error TimeoutException.")
        assert 3 * SECONDS <= time.monotonic() - begun < 3 * SECONDS + 2.5
        if kind in ("python", "node"):
            assert busy_children() == []
            assert "said" in await ask(runner)

    async def test_no_function(self, place: tuple[str, Runner]) -> None:
        expected = ("UnexpectedLambdaException", "PreSignUp invocation failed due to error AccessDeniedException.")
        assert await refusal(place[1], "", arn("unknown")) == expected

    async def test_several_at_once(self, place: tuple[str, Runner]) -> None:
        answers = await asyncio.gather(*(place[1].run(ARN, json.dumps({"text": str(n)}).encode()) for n in range(10)))
        assert [json.loads(given)["response"]["said"] for given in answers] == [str(n) for n in range(10)]


def busy_children() -> list[int]:
    """Processes of functions that are still there."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended while it was looked at
            if "misbehaving" in " ".join(child.cmdline()):
                found.append(child.pid)
    return found


class TestLocal:
    @pytest.mark.parametrize(
        ("file", "code"),
        [
            ("named.js", "exports.handler = (event, context, callback) => callback(null, {response: {by: 'callback'}});"),
            ("named.cjs", "exports.handler = (event, context) => setImmediate(() => context.succeed({response: {by: 'callback'}}));"),
            ("named/index.mjs", "export const handler = async () => ({response: {by: 'callback'}});"),
            ("named/handler.py", "def handler(event, context): return {'response': {'by': 'callback'}}"),
            ("named/index.py", "from helper import by\ndef handler(event, context): return {'response': {'by': by}}"),
        ],
    )
    async def test_forms(self, tmp_path: Path, file: str, code: str) -> None:
        """Every form in which a function may lie in the folder, and answer."""
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(code)
        (path.parent / "helper.py").write_text("by = 'callback'")
        functions = local(tmp_path)
        assert await triggers(functions).ask("PreSignUp", arn("named"), {}) == {"by": "callback"}
        await functions.close()

    async def test_the_table(self, tmp_path: Path) -> None:
        (tmp_path / "any.py").write_text("def other(event, context): return {'response': {'name': context.function_name}}")
        table = {"named": f"{tmp_path / 'any.py'}:other"}
        functions = LocalFunctions(None, table, {}, "us-east-1", SystemClock(), seconds=SECONDS)
        assert await triggers(functions).ask("PreSignUp", arn("named") + ":PROD", {}) == {"name": "named"}
        await functions.close()

    @pytest.mark.parametrize("name", ["../outside", "..", "", "a/b", ".hidden", "a\\b", "nothing"])
    async def test_names_that_lead_nowhere(self, tmp_path: Path, name: str) -> None:
        inside = tmp_path / "inside"
        inside.mkdir()
        (tmp_path / "outside.py").write_text("def handler(event, context): return {}")
        (inside / ".hidden.py").write_text("def handler(event, context): return {}")
        functions = local(inside)
        with pytest.raises(NoFunction):
            await functions.run(arn(name), b"{}")

    async def test_a_changed_file_is_loaded_again(self, tmp_path: Path) -> None:
        file = tmp_path / "misbehaving.py"
        functions = local(tmp_path)
        for version in (1, 2):
            file.write_text(f"def handler(event, context): return {{'response': {{'version': {version}}}}}")
            os.utime(file, ns=(version * 10**9, version * 10**9))
            assert await ask(functions) == {"version": version}
        await functions.close()

    async def test_warm_until_it_fails(self, tmp_path: Path) -> None:
        """A function that raises keeps its process; one that exits loses its memory."""
        (tmp_path / "misbehaving.py").write_text(function_host.PYTHON)
        functions = local(tmp_path)
        assert (await ask(functions, "count"), await ask(functions, "count")) == ({"calls": 1}, {"calls": 2})
        await refusal(functions, "raise")
        assert await ask(functions, "count") == {"calls": 4}
        await refusal(functions, "exit")
        assert await ask(functions, "count") == {"calls": 1}
        await functions.close()

    @pytest.mark.parametrize("file", ["misbehaving.py", "misbehaving.mjs"])
    async def test_code_that_cannot_be_loaded(self, tmp_path: Path, file: str) -> None:
        """The error names itself, and a mended file runs."""
        path = tmp_path / file
        path.write_text("syntax error here (")
        functions = local(tmp_path)
        code, _ = await refusal(functions, "")
        assert code == "UserLambdaValidationException"
        path.write_text(function_host.PYTHON if path.suffix == ".py" else function_host.NODE)
        os.utime(path, ns=(1, 1))
        assert "said" in await ask(functions)
        await functions.close()

    @pytest.mark.parametrize("file", ["misbehaving.py", "misbehaving.mjs"])
    async def test_the_environment_holds_no_secret(self, tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither the server's settings nor its AWS keys; what the settings give functions, they have."""
        monkeypatch.setenv("COGNOMEN_MASTER_KEY", "ab" * 32)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
        monkeypatch.setenv("PGPASSWORD", "secret")
        (tmp_path / file).write_text(function_host.PYTHON if file.endswith("py") else function_host.NODE)
        functions = local(tmp_path, TABLE_NAME="users", AWS_ACCESS_KEY_ID="given")
        found = await ask(functions, "environment")
        assert [name for name in found if name.startswith("COGNOMEN_")] == []
        assert "secret" not in found.values()
        assert (found["TABLE_NAME"], found["AWS_ACCESS_KEY_ID"], found["AWS_REGION"]) == ("users", "given", "us-east-1")
        await functions.close()

    async def test_a_warm_function_adds_little(self, tmp_path: Path) -> None:
        """3 ms at the median is promised; it takes some 0.3. Loosely, since other tests run beside."""
        (tmp_path / "misbehaving.py").write_text(function_host.PYTHON)
        functions = local(tmp_path)
        took = []
        for _ in range(100):
            begun = time.perf_counter()
            await ask(functions)
            took.append(time.perf_counter() - begun)
        await functions.close()
        assert median(took) < 0.003 * 3

    async def test_closed_means_gone(self, tmp_path: Path) -> None:
        (tmp_path / "misbehaving.mjs").write_text(function_host.NODE)
        functions = local(tmp_path)
        await ask(functions)
        assert len(busy_children()) == 1
        await functions.close()
        assert busy_children() == []

    async def test_closed_while_it_works(self, tmp_path: Path) -> None:
        """Who waits for an answer is told that there will be none."""
        (tmp_path / "misbehaving.py").write_text(function_host.PYTHON)
        functions = local(tmp_path)
        await ask(functions)
        waiting = asyncio.create_task(functions.run(ARN, b'{"do": "hang"}'))
        await asyncio.sleep(0.2)
        await functions.close()
        with pytest.raises(FunctionUnreachable, match="was stopped"):
            await waiting


class TestElsewhere:
    async def test_the_signature_covers_the_function(self) -> None:
        """An event for one function, caught on its way, is none for another."""
        with FunctionHost("http") as host:
            runner = HttpFunctions({ARN: host.url}, function_host.HMAC_SECRET, SystemClock(), Threads("functions"), public_only=False)
            await ask(runner)
            [caught] = host.headers
            body = {"content-type": "application/json"}
            for named, status in ((ARN, 200), (arn("another"), 403)):
                signed = {**body, "x-cognomen-function": named, "x-cognomen-signature": caught["x-cognomen-signature"]}
                assert outbound.send("POST", host.url, headers=signed, body=host.bodies[0], timeout=5).status == status

    async def test_the_lambda_api_is_asked_by_the_whole_arn(self) -> None:
        with FunctionHost("lambda") as host:
            runner = LambdaApi(
                Aws(function_host.ACCESS_KEY, function_host.SECRET_KEY, endpoints={"lambda": f"{host.url}/"}, abroad=False),
                Threads("functions"),
            )
            await ask(runner, "", f"{ARN}:PROD")
            assert host.paths == [f"/2015-03-31/functions/{ARN}:PROD/invocations"]

    async def test_a_wrong_key_is_no_access(self) -> None:
        with FunctionHost("lambda") as host:
            runner = LambdaApi(
                Aws(function_host.ACCESS_KEY, "another secret", endpoints={"lambda": host.url}, abroad=False), Threads("functions")
            )
            with pytest.raises(NoFunction):
                await runner.run(ARN, b"{}")

    async def test_dev_calls_no_aws_by_itself(self) -> None:
        with pytest.raises(NoFunction):
            await LambdaApi(Aws("key", "secret", abroad=False), Threads("functions")).run(ARN, b"{}")

    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9", "http://10.0.0.1", "http://169.254.169.254/"]
    )
    async def test_private_networks_are_refused_in_production(self, url: str) -> None:
        runner = HttpFunctions({ARN: url}, function_host.HMAC_SECRET, SystemClock(), Threads("functions"), public_only=True)
        with pytest.raises(FunctionUnreachable, match="private network"):
            await runner.run(ARN, b"{}")

    async def test_places_are_asked_in_order(self, tmp_path: Path) -> None:
        (tmp_path / "here.py").write_text("def handler(event, context): return {'response': {'said': 'here'}}")
        functions = local(tmp_path)
        with FunctionHost("http") as host:
            routes = Routes(
                [
                    HttpFunctions({ARN: host.url}, function_host.HMAC_SECRET, SystemClock(), Threads("functions"), public_only=False),
                    functions,
                ]
            )
            assert (await ask(routes))["said"] != "here"
            assert (await ask(routes, "", arn("here")))["said"] == "here"
            with pytest.raises(NoFunction):
                await routes.run(arn("nowhere"), b"{}")
        await functions.close()
