"""`cognomen doctor`: looks at everything that a server needs, and says what to do where something is amiss. Changes nothing."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import sys
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

import click

from cognomen.cli import channels, common
from cognomen.cli.finding import Finding
from cognomen.config import BadSetting, Settings
from cognomen.kernel.outbound import Unreachable, get_json
from cognomen.storage.errors import CannotStart, StorageError
from cognomen.storage.migrate import migrations, version
from cognomen.tokens import sealing

_MARKS = {"ok": "ok  ", "warning": "note", "failed": "FAIL"}


@click.command()
@click.option("--serve", "production", is_flag=True, help="Judge as for `cognomen serve`; without it as for `cognomen dev`.")
@click.option(
    "--send-to", metavar="ADDRESS", help="Send a test message to this mail address or phone number by every channel that serves it."
)
@common.database_options
def doctor(file: Path | None, data: str | None, as_json: bool, production: bool, send_to: str | None) -> None:
    """Check what a server needs: libraries, settings, data folder, database, master key, port, addresses, and who answers where
    mails and texts are handed over.

    Exit code 1 when a check fails.
    """
    findings = [_python(), _libraries()]
    try:
        settings = common.settings_of(file, data, mode="serve" if production else "dev")
    except BadSetting as error:
        findings.append(Finding("settings", "failed", str(error), "docs/reference/settings.md lists every setting"))
    else:
        findings.append(Finding("settings", "ok", f"for `cognomen {settings.mode}`"))
        findings += [
            _folder(settings),
            *common.run(lambda: _database(settings)),
            _port(settings),
            _public_url(settings),
            *common.run(lambda: channels.look(settings, send_to)),
        ]
    failed = any(finding.result == "failed" for finding in findings)
    if as_json:
        common.show_json({"ok": not failed, "checks": findings})
    else:
        for finding in findings:
            click.echo(f"{_MARKS[finding.result]}  {finding.check}: {finding.found}")
            if finding.advice:
                click.echo(f"      -> {finding.advice}")
    if failed:
        raise click.exceptions.Exit(1)


def _python() -> Finding:
    found = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    if sys.version_info < (3, 11):  # noqa: UP036  # whoever copied the files may run them with another Python
        return Finding("python", "failed", found, "Cognomen needs Python 3.11 or newer")
    return Finding("python", "ok", found)


def _libraries() -> Finding:
    """Are those that the package names installed?"""
    missing = []
    wanted = [re.split(r"[^\w.-]", named)[0] for named in metadata.requires("cognomen") or [] if "extra ==" not in named]
    for name in wanted:
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("libraries", "failed", f"missing: {', '.join(missing)}", "install Cognomen again (`make install`)")
    return Finding("libraries", "ok", f"all {len(wanted)} are installed")


def _folder(settings: Settings) -> Finding:
    if settings.in_memory:
        return Finding("data folder", "ok", "none: everything is kept in memory")
    folder = Path(settings.data).absolute()
    try:
        there, is_folder = folder.exists(), folder.is_dir()
        nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    except OSError as error:
        return Finding("data folder", "failed", f"{folder}: {error.strerror}", "name another one")
    if there and not is_folder:
        return Finding("data folder", "failed", f"{folder} is a file", "name a folder")
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return Finding(
            "data folder", "failed", f"{nearest} cannot be written", "give the server's user the right to write there, or name another one"
        )
    return Finding("data folder", "ok", f"{folder}" + ("" if there else " (made at the first start)"))


async def _database(settings: Settings) -> list[Finding]:
    """The database, its schema, and whether the master key opens it."""
    if settings.in_memory:
        return [Finding("database", "ok", "in memory"), Finding("master key", "ok", "a new one at each start")]
    newest = migrations()[-1][0]
    try:
        async with common.opened(settings) as store:
            have = await version(store.engine)
            if have != newest:
                return [_schema(have, newest), _key(settings, None)]
            findings = [Finding("database", "ok", f"{store.engine.name}, schema {have}")]
            try:
                findings.append(_key(settings, await sealing.fits(store, common.sealer_of(settings))))
            except BadSetting as error:
                findings.append(
                    Finding(
                        "master key",
                        "failed",
                        str(error),
                        "`cognomen keys master --file FILE` makes one; an existing database needs its own",
                    )
                )
            if settings.mode == "serve" and not any(key.revoked_at is None for key in await store.access_keys.list()):
                findings.append(
                    Finding("access keys", "warning", "there are none", "`cognomen keys create --name NAME --policy admin` makes one")
                )
            return findings
    except CannotStart as error:
        if _not_made_yet(settings):
            return [Finding("database", "ok", "none yet: made at the first start"), _key(settings, None)]
        return [Finding("database", "failed", str(error), "see that database_url is right and the database runs"), _key(settings, None)]
    except StorageError as error:
        return [Finding("database", "failed", str(error), "see that the database runs and can be written"), _key(settings, None)]


def _not_made_yet(settings: Settings) -> bool:
    return settings.database.startswith("sqlite:///") and not Path(settings.database.removeprefix("sqlite:///")).exists()


def _schema(have: int, newest: int) -> Finding:
    if have > newest:
        return Finding("database", "failed", f"schema {have} is newer than this program's {newest}", "use the newer Cognomen")
    return Finding(
        "database", "warning", f"schema {have} is older than this program's {newest}", "a start brings it up, or `cognomen migrate`"
    )


def _key(settings: Settings, fits: bool | None) -> Finding:
    if fits is False:
        return Finding("master key", "failed", sealing.WRONG_KEY, "restore the key that belongs to it")
    if fits:
        return Finding("master key", "ok", "it opens the database")
    try:
        common.sealer_of(settings)
    except BadSetting as error:
        if settings.mode == "dev" and not settings.master_key_file and not settings.master_key:
            return Finding("master key", "ok", "none yet: made at the first start")
        return Finding("master key", "failed", str(error), "`cognomen keys master --file FILE` makes one")
    return Finding("master key", "ok", "present; nothing is sealed yet")


def _port(settings: Settings) -> Finding:
    place = f"{settings.host} port {settings.port}"
    try:
        kind, _, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        try:
            get_json(f"http://{f'[{settings.host}]' if ':' in settings.host else settings.host}:{settings.port}/health", 3)
        except Unreachable:
            return Finding("port", "failed", f"{place}: {error.strerror or error}", "stop what uses it, or set another port")
        return Finding("port", "ok", f"a server answers at {place}")
    return Finding("port", "ok", f"{place} is free")


def _public_url(settings: Settings) -> Finding:
    """Tokens name it: a verifier must reach the very address that they hold."""
    if not settings.public_url:
        if settings.mode == "dev":
            return Finding("public_url", "ok", "not set: issuers and links follow the loopback name by which a caller came")
        return Finding(
            "public_url", "warning", "not set", "set it to the https address by which clients reach the server: tokens name it as issuer"
        )
    parts = urlsplit(settings.public_url)
    if parts.query or parts.fragment or parts.username:
        return Finding("public_url", "failed", f"{settings.public_url} has more than scheme, host, port and path", "leave the rest out")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        return Finding(
            "public_url", "warning", f"{settings.public_url} is not encrypted", "put a TLS proxy in front and name its https address"
        )
    return Finding("public_url", "ok", settings.public_url)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
