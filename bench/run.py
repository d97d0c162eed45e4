"""`make bench`: the floors, this server and the others on one machine in one run, judged against bench/targets.py.

Prints a table and writes bench/results.json. Nothing runs without a limit of time, and nothing leaves loopback but the installation of
the other servers by name.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from bench import challenges, floors, functions, gateway, identities, imports, second_factor, sync_client, targets
from bench.loadgen import memory
from bench.operations import OPERATIONS
from bench.servers import COGNOMEN, PEERS, ROOT, Running, Server, load
from bench.targets import Verdict
from bench.wire import Endpoint

# those that add users come last, so that the others meet the number of users that they are said to meet
COMPARED = [
    *("AdminGetUser", "GetUser", "ListUsers", "ListUsersPage2", "ListUsersFilter", "Jwks"),
    *("Refresh", "InitiateAuthPassword", "InitiateAuthSrp", "SignUp", "AdminCreateUser"),
]
FEW, SOME, MORE = 100, 1_000, 10_000
FILTER_AT_10_000 = "ListUsersFilter, 10,000 users"
STARTS = 3
ROUNDS = 3
Rows = dict[str, dict[str, Any]]


class Measured(msgspec.Struct, kw_only=True):
    """All that a run found, as it goes into results.json; rows are the generator's."""

    machine: dict[str, Any]
    floors_ms: dict[str, float] = {}
    start_seconds: float | None = None
    start_mb: float | None = None
    full_users: int = 0
    full_mb: float | None = None
    few: Rows = {}
    full: Rows = {}
    servers: dict[str, Rows] = {}
    challenges_ms: dict[str, float] = {}
    trigger_ms: float | None = None
    verdicts: list[dict[str, Any]] = []


def main() -> None:
    options = arguments()
    found = Measured(
        machine={"python": platform.python_version(), "cores": os.cpu_count(), "system": platform.platform(), "seconds": options.seconds}
    )
    say("floors")
    found.floors_ms = {name: round(value, 4) for name, value in (floors.alone() | challenges.floors()).items()}
    ours(found)
    if not options.only:
        say("challenges")
        found.trigger_ms = functions.added()
        found.challenges_ms = {name: round(value, 4) for name, value in uvloop.run(challenges.added()).items()}
    compare(found, options)
    if not options.no_growth:
        grow(found, options)
    verdicts = [*judge(found, options), *([] if options.only else elsewhere(options))]
    found.verdicts = [{**msgspec.to_builtins(verdict), "verdict": verdict.word} for verdict in verdicts]
    options.json.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    show(found, verdicts, options)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="short runs, 10,000 users at most: a look, not a proof")
    parser.add_argument("--only", default="", help="operations, separated by commas")
    parser.add_argument("--seconds", type=float, default=0, help="how long each operation is loaded (5; 1.5 with --quick)")
    parser.add_argument("--users", type=int, default=0, help="how many users are many (100,000; 10,000 with --quick)")
    parser.add_argument("--no-peers", action="store_true", help="this server only")
    parser.add_argument("--no-growth", action="store_true", help="without many users")
    parser.add_argument("--json", type=Path, default=ROOT / "bench" / "results.json", help="where the numbers go")
    options = parser.parse_args()
    options.seconds = options.seconds or (1.5 if options.quick else 5)
    options.users = options.users or (MORE if options.quick else 100_000)
    options.only = [name for name in options.only.split(",") if name]
    known = [*OPERATIONS, *second_factor.NAMES]
    if unknown := set(options.only) - set(known):
        parser.error(f"no such operation: {', '.join(sorted(unknown))} (there are {', '.join(known)})")
    return options


def say(what: str) -> None:
    print(f"measuring {what}", file=sys.stderr, flush=True)


def wanted(names: Iterable[str], options: argparse.Namespace) -> list[str]:
    return [name for name in names if not options.only or name in options.only]


# ---- measuring


def ours(found: Measured) -> None:
    """How long a start takes, and what the server holds then."""
    starts = [first_answer() for _ in range(STARTS)]
    found.start_seconds, found.start_mb = (statistics.median(values) for values in zip(*starts, strict=True))


def first_answer() -> tuple[float, float]:
    """Seconds from the start of the process to the answer of CreateUserPool, and the memory then."""
    with COGNOMEN.running() as running:
        create_pool(running)
        return time.perf_counter() - running.started, memory(running.pid)["server_rss_mb"]


def create_pool(running: Running) -> None:
    async def ask() -> None:
        server = Endpoint(running.url)
        await server.call(server.connect(), "CreateUserPool", PoolName="first")

    uvloop.run(ask())


def compare(found: Measured, options: argparse.Namespace) -> None:
    """This server, the others and the bare one, all running, each operation at each of them in turn."""
    servers = [COGNOMEN, *([] if options.no_peers else PEERS)]
    with ExitStack() as stack:
        there = {server.name: running for server in servers if (running := started(stack, server)) is not None}
        bare = stack.enter_context(floors.BARE.running())
        for name in wanted(COMPARED, options):
            say(f"{name}, {SOME:,} users")
            rows = turns(there, name, SOME, options.seconds)
            for server, row in rows.items():
                found.servers.setdefault(server, {})[name] = row
            if name in floors.HTTP:
                bare_floor(found, bare, name, options)
        for name in floors.HTTP:  # with --only the others of them need these too
            if floors.HTTP[name] not in found.floors_ms:
                bare_floor(found, bare, name, options)
        if wanted(second_factor.NAMES, options):
            say("sign-ins with a second factor")
            for server, sign_ins in second_factor.measure(there, options.seconds).items():
                found.servers.setdefault(server, {}).update(sign_ins)
        if "ListUsersFilter" in wanted(COMPARED, options) and not options.quick:
            say(FILTER_AT_10_000)
            for server, running in there.items():
                found.servers[server][FILTER_AT_10_000] = load(running, "ListUsersFilter", seconds=options.seconds, users=MORE, limit=180)


def bare_floor(found: Measured, bare: Running, name: str, options: argparse.Namespace) -> None:
    found.floors_ms[floors.HTTP[name]] = round(floors.http(bare, name, options.seconds / ROUNDS, ROUNDS), 4)


def started(stack: ExitStack, server: Server) -> Running | None:
    """A server that cannot be installed or started leaves its column empty, not the table unfinished."""
    say(f"starting {server.name}")
    try:
        return stack.enter_context(server.running())
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        say(f"nothing of {server.name}: {error}")
        return None


def turns(there: Mapping[str, Running], name: str, users: int, seconds: float) -> Rows:
    """One operation at each server in turn, some rounds of it. What disturbs the machine falls on all alike, and the quietest round counts."""
    found: Rows = {}
    for _ in range(ROUNDS):
        for server, running in there.items():
            before = found.get(server)
            if before is None or counts(before, users):
                found[server] = quieter(before, load(running, name, seconds=seconds / ROUNDS, users=users), users)
    return found


def quieter(before: dict[str, Any] | None, now: dict[str, Any], users: int) -> dict[str, Any]:
    """Of two rounds the faster; its processor time and waiting are the least of both."""
    if before is None or not counts(now, users):
        return now if before is None else before
    best = max(before, now, key=lambda row: row["ops_per_s"])
    least = {key: min(before[key], now[key]) for key in ("server_cpu_ms", "p50_ms") if before.get(key) and now.get(key)}
    return {**best, **least}


def grow(found: Measured, options: argparse.Namespace) -> None:
    """A server with few users beside one with many, in turn."""
    say(f"{options.users:,} users")
    names = [name for name in wanted(targets.GROWING, options) if name != "ListUsersPage1000" or options.users >= 60_000]
    with COGNOMEN.running() as small, COGNOMEN.running() as large:
        load(small, "Provision", seconds=0, users=FEW)
        found.full["Provision"] = load(large, "Provision", seconds=0, users=options.users, limit=900)
        found.full_users = found.full["Provision"].get("users", 0)
        for name in names:
            say(f"{name}, {FEW:,} and {options.users:,} users")
            for _ in range(ROUNDS):
                few = load(small, targets.GROWING[name], seconds=options.seconds / ROUNDS, users=FEW)
                full = load(large, name, seconds=options.seconds / ROUNDS, users=options.users)
                found.few[targets.GROWING[name]] = quieter(found.few.get(targets.GROWING[name]), few, FEW)
                found.full[name] = quieter(found.full.get(name), full, options.users)
    found.full_mb = max((row["server_rss_mb"] for row in found.full.values() if "server_rss_mb" in row), default=None)


def counts(row: dict[str, Any] | None, users: int = SOME) -> bool:
    """Whether a row can be compared with: all answers right, all users there, and a wrong password refused."""
    return bool(
        row and row.get("ops") and not row.get("errors") and row.get("users", 0) >= users and row.get("refuses_wrong_password", True)
    )


def elsewhere(options: argparse.Namespace) -> list[Verdict]:
    """What has no peers: identity pools, Sync, its client, the gateway, imports; each measured by a module of its own."""
    say("identity pools and Sync")
    rows = identities.verdicts(quick=options.quick)
    say("cognomen-sync")
    rows += sync_client.verdicts()
    say("the gateway")
    rows += gateway.verdicts(100 if options.quick else 1_000)
    say("imports")
    return rows + imports.verdicts(*([20_000] if options.quick else []))


# ---- judging


def judge(found: Measured, options: argparse.Namespace) -> list[Verdict]:
    rows = [
        Verdict(
            part="start", name="first answered CreateUserPool", value=found.start_seconds, target=targets.START_SECONDS, at="most", unit="s"
        ),
        Verdict(part="start", name="memory then", value=found.start_mb, target=targets.START_MB, at="most", unit="MB"),
    ]
    if not options.no_peers:
        rows += against_the_best(found, options)
    rows += against_the_floors(found, options)
    rows += [beyond_arithmetic(found, name) for name in found.challenges_ms]
    if found.trigger_ms is not None:
        rows.append(
            Verdict(part="trigger", name="warm local Python", value=found.trigger_ms, target=targets.TRIGGER_MS, at="most", unit="ms")
        )
    return rows if options.no_growth else rows + against_few(found, options)


def against_the_best(found: Measured, options: argparse.Namespace) -> list[Verdict]:
    names = [
        (name, factor, SOME)
        for name, factor in targets.TIMES_THE_BEST.items()
        if name in wanted([*COMPARED, *second_factor.NAMES], options)
    ]
    if not options.quick and "ListUsersFilter" in wanted(COMPARED, options):
        names.append((FILTER_AT_10_000, targets.FILTER_TIMES_THE_BEST_AT_10_000, MORE))
    rows = []
    for name, factor, users in names:
        peers = {peer: of[name] for peer, of in found.servers.items() if peer != COGNOMEN.name and counts(of.get(name), users)}
        best = max(peers, key=lambda peer: peers[peer]["ops_per_s"], default="")
        mine, value, note = found.servers.get(COGNOMEN.name, {}).get(name), None, "no other server can"
        if best and counts(mine, users) and mine:
            value = mine["ops_per_s"] / peers[best]["ops_per_s"]
        if best:
            note = f"{best} {peers[best]['ops_per_s']:,.0f}/s"
        rows.append(Verdict(part="times the best other", name=name, value=value, target=factor, at="least", note=note))
    return rows


def against_the_floors(found: Measured, options: argparse.Namespace) -> list[Verdict]:
    rows = []
    for name in wanted(targets.FLOORS, options):
        mine, floor = found.servers.get(COGNOMEN.name, {}).get(name), targets.floor_of(name, found.floors_ms)
        used = mine.get("server_cpu_ms") if mine and counts(mine) else None
        note = f"floors {floor:.3f} ms" if used is None else f"{used:.3f} ms, floors {floor:.3f} ms"
        value = None if used is None else used / floor
        rows.append(Verdict(part="processor time", name=name, value=value, target=targets.TIMES_THE_FLOORS, at="most", note=note))
    return rows


def beyond_arithmetic(found: Measured, name: str) -> Verdict:
    arithmetic = sum(found.floors_ms[part] * count for part, count in challenges.ARITHMETIC.get(name, {}).items())
    added = found.challenges_ms[name]
    note = f"adds {added:.3f} ms" + (f", {arithmetic:.3f} of arithmetic" if arithmetic else "")
    return Verdict(part="challenge", name=name, value=added - arithmetic, target=targets.CHALLENGE_MS, at="most", unit="ms", note=note)


def against_few(found: Measured, options: argparse.Namespace) -> list[Verdict]:
    """The time that a client waits, with many users and with 100; the thousandth page with the first, since 100 users have no more."""
    rows = []
    for name in wanted(targets.GROWING, options):
        few, full = found.few.get(targets.GROWING[name]), found.full.get(name)
        value, note = None, "needs 60,000 users" if name == "ListUsersPage1000" and options.users < 60_000 else ""
        if few and full and counts(few, FEW) and counts(full, options.users):
            value = full["p50_ms"] / few["p50_ms"]
            note = f"{few['p50_ms']:.2f} ms, then {full['p50_ms']:.2f} ms"
        rows.append(Verdict(part=f"{options.users:,} users", name=name, value=value, target=targets.GROWTH, at="most", note=note))
    return [
        *rows,
        Verdict(part=f"{options.users:,} users", name="memory", value=found.full_mb, target=targets.FULL_MB, at="most", unit="MB"),
    ]


# ---- showing


def show(found: Measured, verdicts: list[Verdict], options: argparse.Namespace) -> None:
    # wide enough for the table where the output is a file
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(throughput(found))
    console.print("floors, ms: " + ", ".join(f"{name} {value:.3f}" for name, value in found.floors_ms.items()))
    table = Table(title="judged")
    for heading in ("", "what", "value", "target", "", "how"):
        table.add_column(heading)
    for row in verdicts:
        value = "-" if row.value is None else f"{row.value:.2f} {row.unit}"
        target = f"at {row.at} {row.target:g} {row.unit}"
        table.add_row(row.part, row.name, value, target, f"[{'green' if row.passes else 'red'}]{row.word}", row.note)
    console.print(table)
    missed = sum(not row.passes for row in verdicts)
    console.print(f"{len(verdicts) - missed} pass, {missed} MISS; all numbers in {options.json}")


def throughput(found: Measured) -> Table:
    table = Table(title=f"operations a second, 16 connections, {SOME:,} users")
    table.add_column("operation")
    for server in found.servers:
        table.add_column(server, justify="right")
    for name in [*COMPARED, *second_factor.NAMES, FILTER_AT_10_000]:
        if any(name in of for of in found.servers.values()):
            users = MORE if name == FILTER_AT_10_000 else SOME
            table.add_row(name, *[cell(of.get(name), users) for of in found.servers.values()])
    return table


def cell(row: dict[str, Any] | None, users: int) -> str:
    if row is None:
        return "-"
    if row.get("refuses_wrong_password") is False:
        return "takes any password"
    if counts(row, users):
        return f"{row['ops_per_s']:,.1f}"
    return f"{row['users']:,} users only" if 0 < row.get("users", 0) < users else "cannot"


if __name__ == "__main__":
    main()
