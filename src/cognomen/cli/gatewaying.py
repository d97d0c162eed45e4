"""`cognomen gateway`: the access gateway alone, in a process of its own."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

import click
import uvloop

from cognomen import config, config_tables
from cognomen.app import master_key
from cognomen.cli import common, serving
from cognomen.config import BadSetting, Settings
from cognomen.gateway.connection import GatewayConnection
from cognomen.gateway.doors import Doors
from cognomen.gateway.routes import gateway_of
from cognomen.kernel import secrecy
from cognomen.kernel.clock import SystemClock
from cognomen.kernel.secrets import Sealer
from cognomen.kernel.workers import Workers
from cognomen.storage.engine import make_engine
from cognomen.storage.errors import CannotStart, StorageError
from cognomen.storage.migrate import migrations, version
from cognomen.storage.store import Store
from cognomen.tokens import sealing
from cognomen.tokens.keys import RsaKeyMaker, SigningKeys


@click.command()
@click.option("--config", "file", type=click.Path(path_type=Path), help="TOML file of settings (cognomen.toml where there is one).")
@click.option("--host", help="Address to listen on (gateway.host of the settings).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (gateway.port of the settings); 0 picks a free one.")
@click.option("--data", help="Data folder of the server (./.cognomen).")
def gateway(file: Path | None, host: str | None, port: int | None, data: str | None) -> None:
    """Run the access gateway alone, on the database of a server that runs beside it.

    It checks signatures and tokens in front of a store or of any service, as the section `gateway` of the settings says.
    """
    if file is None and Path("cognomen.toml").exists():
        file = Path("cognomen.toml")
    secrecy.close()
    try:
        settings = config.load(file, None, data=data)
        serving.set_up(settings)
        common.sealer_of(settings)  # a gateway never makes a master key: it would open nothing
        server = GatewayServer(settings)
        section = settings.gateway or config_tables.GatewaySettings()
        host = section.host if host is None else host
        listening = serving.listen(host, section.port if port is None else port)
    except (config.BadSetting, StorageError) as error:
        common.fail(str(error))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(_serve_gateway(server, host, listening)))


class GatewayServer:
    """`cognomen gateway`: the gateway alone, beside whatever servers work on the same database."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._store = Store(make_engine(settings.database, exclusive=False))
        self._sealer = Sealer(master_key(settings))
        self._workers = Workers()
        keys = SigningKeys(self._store.signing_keys, self._sealer, RsaKeyMaker(), self._workers)
        doors = Doors(self._store, self._sealer, SystemClock(), keys, settings.public_url)
        gateway = gateway_of(settings, doors)
        if gateway is None:
            raise BadSetting("the settings have no section gateway: see docs/guide/gateway.md")
        self.gateway = gateway

    async def start(self) -> None:
        """Raises CannotStart, BadSetting."""
        await self._store.engine.open()
        have, needed = await version(self._store.engine), migrations()[-1][0]
        if have != needed:
            raise CannotStart(
                f"the database has schema {have} and this program needs {needed}: start a server of the same release on it first"
            )
        if await sealing.fits(self._store, self._sealer) is False:
            raise BadSetting(sealing.WRONG_KEY)

    async def stop(self) -> None:
        self.gateway.close()
        await self._store.engine.close()
        self._workers.stop()


async def _serve_gateway(server: GatewayServer, host: str, listening: socket.socket) -> int:
    ready = f"cognomen gateway ready at {serving.address(host, listening.getsockname()[1])}"
    try:
        await server.start()
        await serving.until_told([(serving.acceptor(server.gateway, GatewayConnection, server.settings, ready), listening)])
    except (StorageError, config.BadSetting) as error:
        click.echo(f"cognomen: {error}", err=True)
        return 1
    finally:
        await server.stop()
    return 0
