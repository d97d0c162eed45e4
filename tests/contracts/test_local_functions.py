"""A local function's processes under load: as many as it takes up to a bound, none killed for having to queue, none left over."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from cognomen.api.errors import ServiceError
from cognomen.kernel.aws import Aws
from cognomen.kernel.clock import SystemClock
from cognomen.kernel.secrets import Sealer
from cognomen.kernel.threads import Threads
from cognomen.triggers.child import Code
from cognomen.triggers.children import MOST, MOST_WAITING, Children
from cognomen.triggers.invoke import Triggers
from cognomen.triggers.local import LocalFunctions
from cognomen.triggers.runner import FunctionBusy, FunctionUnreachable, Runner
from cognomen.triggers.sender_keys import SenderKeys
from tests.kit.functions import arn

ARN = arn("crowded")
SECONDS = 30.0  # a process may take long to start where many tests run
SLOW = """
import os, time
calls = 0
def handler(event, context):
    global calls
    calls += 1
    time.sleep(event["sleep"])
    return {"response": {"pid": os.getpid(), "calls": calls}}
"""


Local = Callable[..., LocalFunctions]


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[Local]:
    """Makes the functions of a folder, and ends them whatever becomes of the test."""
    made: list[LocalFunctions] = []

    def make(idle: float = 60.0) -> LocalFunctions:
        made.append(LocalFunctions(tmp_path, {}, {}, "us-east-1", SystemClock(), seconds=SECONDS, idle=idle))
        return made[-1]

    yield make
    for functions in made:
        await functions.close()


def triggers(runner: Runner) -> Triggers:
    return Triggers(runner, SenderKeys(Sealer(b"\x07" * 32), Aws(), Threads("keys"), by_kms=False), seconds=SECONDS)


async def answers(functions: LocalFunctions, events: int, sleep: float) -> list[dict[str, Any]]:
    asking = triggers(functions)
    return await asyncio.gather(*(asking.ask("PreSignUp", ARN, {"sleep": sleep}) for _ in range(events)))


def processes() -> list[int]:
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended while it was looked at
            if "crowded" in " ".join(child.cmdline()):
                found.append(child.pid)
    return found


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


class TestUnderLoad:
    async def test_waiting_for_a_turn_costs_none_of_the_time(self, tmp_path: Path, local: Local) -> None:
        """Every event is answered, and was given out once, though together they take longer than each may."""
        (tmp_path / "crowded.py").write_text(SLOW)
        functions = local()
        await answers(functions, 1, 0)

        async def in_time() -> dict[str, Any]:
            async with asyncio.timeout(2.0) as limit:
                answered: dict[str, Any] = json.loads(await functions.run(ARN, b'{"sleep": 0.4}', limit))
            return dict(answered["response"])

        begun = time.monotonic()
        given = await asyncio.gather(*(in_time() for _ in range(48)))
        assert time.monotonic() - begun > 2.0
        by_process = {answer["pid"]: [each["calls"] for each in given if each["pid"] == answer["pid"]] for answer in given}
        warm = given[0]["pid"]
        assert (len(given), len(by_process) <= MOST) == (48, True)
        for pid, calls in by_process.items():
            assert sorted(calls) == list(range(1 + (pid == warm), len(calls) + 1 + (pid == warm))), "no process was killed"
        await functions.close()
        assert processes() == []

    async def test_quick_functions_need_no_second_process(self, tmp_path: Path, local: Local) -> None:
        (tmp_path / "crowded.py").write_text(SLOW)
        functions = local()
        await answers(functions, 1, 0)
        for _ in range(5):  # as many at once as a process answers within a moment, on a busy machine too
            await answers(functions, 4, 0)
        assert len(processes()) <= 2, "one, where the machine has time for this test"

    async def test_processes_that_idle_end_but_for_one(self, tmp_path: Path, local: Local) -> None:
        (tmp_path / "crowded.py").write_text(SLOW)
        functions = local(idle=0.3)
        assert len({answer["pid"] for answer in await answers(functions, 4, 0.5)}) > 1
        await until(lambda: len(processes()) == 1)
        (kept,) = await answers(functions, 1, 0)
        assert ([kept["pid"]], kept["calls"] > 1) == (processes(), True)

    async def test_changed_code_runs_in_all_of_them(self, tmp_path: Path, local: Local) -> None:
        """Those that idle end at once; one that works on an event finishes it first."""
        file = tmp_path / "crowded.py"
        file.write_text(SLOW)
        functions = local()
        await answers(functions, 4, 0.5)
        before = set(processes())
        working = asyncio.create_task(answers(functions, 1, 1.0))
        await asyncio.sleep(0.2)
        file.write_text(SLOW + "# changed\n")
        (after,) = await answers(functions, 1, 0)
        assert after["pid"] not in before
        ((old,), (new, *_)) = await working, await answers(functions, 3, 0.3)
        assert (old["pid"] in before, new["pid"] in before) == (True, False)
        assert set(processes()) & before <= {old["pid"]}
        await answers(functions, 8, 0.3)
        assert not set(processes()) & before
        await functions.close()
        assert processes() == []

    async def test_the_end_is_told_to_all_who_wait(self, tmp_path: Path, local: Local) -> None:
        (tmp_path / "crowded.py").write_text(SLOW)
        functions = local()
        waiting = [asyncio.create_task(functions.run(ARN, b'{"sleep": 60}')) for _ in range(12)]
        await until(lambda: len(processes()) == MOST)
        await functions.close()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [FunctionUnreachable] * 12
        assert processes() == []
        with pytest.raises(FunctionUnreachable):
            await functions.run(ARN, b"{}")

    async def test_who_gives_up_leaves_the_queue(self, tmp_path: Path, local: Local) -> None:
        (tmp_path / "crowded.py").write_text(SLOW)
        functions = local()
        await answers(functions, 12, 0.1)
        working = asyncio.create_task(answers(functions, 12, 0.5))
        await asyncio.sleep(0.2)
        given_up = [asyncio.create_task(functions.run(ARN, b'{"sleep": 0}')) for _ in range(12)]
        await asyncio.sleep(0.1)
        for each in given_up:
            each.cancel()
        assert len(await working) == 12
        assert len(await answers(functions, 12, 0)) == 12


class TestWatched:
    @pytest.mark.parametrize("file", ["crowded.py", "crowded/index.py"])
    async def test_what_the_function_loads_is_its_code(self, tmp_path: Path, local: Local, file: str) -> None:
        """A file beside it, or in its folder, that is changed, added or taken away."""
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            "try: from helper import said\nexcept ImportError: said = 'nothing'\n"
            "def handler(event, context): return {'response': {'said': said}}"
        )
        functions, helper = local(), path.parent / "helper.py"
        said: list[str] = []
        for content in (None, "said = 'one'", "said = 'two'", None):
            helper.unlink(missing_ok=True)
            if content is not None:
                helper.write_text(content)
                os.utime(helper, ns=(len(said), len(said)))
            said.append((await triggers(functions).ask("PreSignUp", ARN, {}))["said"])
        assert said == ["nothing", "one", "two", "nothing"]


class Stuck:
    """A child that never answers."""

    is_warm = True

    async def run(self, code: Code, arn: str, event: bytes) -> bytes:
        return await asyncio.Future[bytes]()

    async def stop(self) -> None: ...

    async def close(self) -> None: ...


class Busy:
    """A place with more events than it can take."""

    asked = 0

    async def run(self, arn: str, event: bytes, limit: asyncio.Timeout | None = None) -> bytes:
        self.asked += 1
        raise FunctionBusy("too many")


class TestTheQueue:
    async def test_it_has_an_end(self) -> None:
        """A function that answers nothing does not collect events without bound."""
        children = Children(Stuck, seconds=SECONDS, idle=60.0)  # type: ignore[arg-type]
        code = Code(Path("stuck.py"), "handler", 1)
        events = [asyncio.create_task(children.run(code, ARN, b"{}", None)) for _ in range(MOST)]
        await asyncio.sleep(0.2)
        events += [asyncio.create_task(children.run(code, ARN, b"{}", None)) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(FunctionBusy):
            await children.run(code, ARN, b"{}", None)
        for event in events:
            event.cancel()
        await asyncio.gather(*events, return_exceptions=True)

    async def test_its_end_is_told_in_lambdas_word(self) -> None:
        """And is not tried again, which would only make it longer."""
        busy = Busy()
        with pytest.raises(ServiceError) as refused:
            await triggers(busy).ask("PreSignUp", ARN, {})
        text = "PreSignUp invocation failed due to error TooManyRequestsException."
        assert (refused.value.code, refused.value.message, busy.asked) == ("UnexpectedLambdaException", text, 1)
