"""`cognomen dev` and `cognomen serve`: settings read, one server run until it is told to stop, one clear sentence when it cannot start."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import uvicorn
import uvloop

from cognomen import config
from cognomen.app import Server
from cognomen.cli import common, local_tls, seeding
from cognomen.kernel import log, secrecy
from cognomen.storage.errors import StorageError
from cognomen.wire.connection import Connection

_BACKLOG = 1024
# How long a thread that has the interpreter lock keeps it while another waits. Workers and the writer need it for moments only, between one
# signature or statement and the next, and idle a core while they wait; Python's own 5 ms are longer than most answers take.
_SWITCH_SECONDS = 0.0001
events = log.get_logger("cognomen")


_SEED = "YAML file of pools, clients, groups and users to have at the start (docs/reference/seed.md)."

_FUNCTIONS = "Folder of Lambda functions to run here: NAME.py, NAME.mjs or a folder NAME (docs/guide/triggers.md)."


@click.command()
@click.option("--host", help="Address to listen on (127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (2646); 0 picks a free one.")
@click.option("--data", help="Data folder (./.cognomen), or :memory: to keep nothing.")
@click.option("--seed", type=click.Path(path_type=Path), help=_SEED)
@click.option("--config", "file", type=click.Path(path_type=Path), help="TOML file of settings.")
@click.option("--functions", help=_FUNCTIONS)
@click.option("--tls", is_flag=True, default=None, help="Answer by https, with a certificate made here for localhost and names below it.")
def dev(
    host: str | None, port: int | None, data: str | None, seed: Path | None, file: Path | None, functions: str | None, tls: bool | None
) -> None:
    """Run everything for development: any AWS credentials, mails and texts in the inbox at /inbox.

    What it keeps lies in the data folder, beside the master key that seals it.
    """
    _run("dev", file, seed, host=host, port=port, data=data, functions=functions, tls=tls)


@click.command()
@click.option("--config", "file", type=click.Path(path_type=Path), help="TOML file of settings (cognomen.toml where there is one).")
@click.option("--host", help="Address to listen on (127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (2646); 0 picks a free one.")
@click.option("--seed", type=click.Path(path_type=Path), help=_SEED)
@click.option("--functions", help=_FUNCTIONS)
def serve(file: Path | None, host: str | None, port: int | None, seed: Path | None, functions: str | None) -> None:
    """Run in production: AWS signatures are checked, a master key is needed.

    `cognomen keys master` makes a master key, `cognomen keys create` an access key, `cognomen doctor --serve` looks at the rest.
    """
    if file is None and Path("cognomen.toml").exists():
        file = Path("cognomen.toml")
    _run("serve", file, seed, host=host, port=port, functions=functions)


def set_up(settings: config.Settings) -> None:
    log.set_up(settings.log_level)
    sys.setswitchinterval(_SWITCH_SECONDS)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # its start and end are told by lines of our own


def _run(mode: str, file: Path | None, seed: Path | None, **flags: object) -> None:
    secrecy.close()
    try:
        settings = config.load(file, None, mode=mode, **flags)
        set_up(settings)
        listening = listen(settings.host, settings.port)
        beside = listen(settings.gateway.host, settings.gateway.port) if settings.gateway is not None else None
        port = listening.getsockname()[1]
        tls = local_tls.prepare(settings) if settings.tls else None
        server = Server(config.with_port(settings, port))
    except (config.BadSetting, StorageError) as error:
        common.fail(str(error))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(_serve(server, listening, beside, seed, tls)))


def listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        raise config.BadSetting(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    return listening


class _Uvicorn(uvicorn.Server):
    """Says when requests are accepted, and leaves signals to us, so that the database is closed after the last answer."""

    def __init__(self, settings: uvicorn.Config, ready: str) -> None:
        super().__init__(settings)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._ready:
            click.echo(self._ready)
        # What was made while starting lives as long as the process: the collector need not look at it again.
        gc.collect()
        gc.freeze()


def acceptor(app: Any, http: Any, settings: config.Settings, ready: str, tls: local_tls.TlsFiles | None = None) -> _Uvicorn:
    return _Uvicorn(
        uvicorn.Config(
            app,
            loop="none",
            http=http,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            # X-Forwarded-For is anyone's to write but a proxy's that is named; and reading it costs every request.
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies,
            timeout_graceful_shutdown=10,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
        ),
        ready,
    )


async def until_told(running: list[tuple[_Uvicorn, socket.socket]], hang_up: Callable[[], None] | None = None) -> None:
    """Serves until SIGTERM or SIGINT, then answers what is at hand."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        if hang_up is not None:
            hang_up()
        for one, _ in running:
            one.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    # serve() would take the signals over
    await asyncio.gather(*(one._serve([listening]) for one, listening in running))


async def _serve(
    server: Server, listening: socket.socket, beside: socket.socket | None, seed: Path | None, tls: local_tls.TlsFiles | None
) -> int:
    settings = server.settings
    ready = f"cognomen ready at {address(settings.host, settings.port, settings.tls)}"
    running = [(acceptor(server, Connection, settings, ready, tls), listening)]
    try:
        await server.start()
        if seed is not None:
            await seeding.apply(server, seed)
        if beside is not None and settings.gateway is not None:
            from cognomen.gateway.connection import GatewayConnection  # where there is one

            url = address(settings.gateway.host, beside.getsockname()[1])
            running.insert(0, (acceptor(server.gateway, GatewayConnection, settings, ""), beside))
            events.info("gateway", url=url)
        if tls is not None:
            events.info("certificate", trust=str(tls.authority.absolute()))
        events.info("started", mode=settings.mode, database=server.rooms.store.engine.name, delivery=settings.delivery)
        await until_told(running, server.hang_up)
    except (StorageError, config.BadSetting) as error:
        click.echo(f"cognomen: {error}", err=True)
        return 1
    finally:
        await server.stop()
    events.info("stopped")
    return 0


def address(host: str, port: int, tls: bool = False) -> str:
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
