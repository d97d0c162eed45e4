"""`cognomen passwords build`: the filter of compromised passwords, made of published lists."""

from __future__ import annotations

import heapq
import os
import re
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import click

from cognomen.cli import common
from cognomen.kernel.password_filter import PREFIX, digest, write

_HASHED = re.compile(rb"([0-9A-Fa-f]{40})(?::([0-9]{1,18}))?\s*")
_SORTED_AT_ONCE = 4_000_000  # prefixes held in memory: some 200 MB while they are sorted


@click.group()
def passwords() -> None:
    """Lists of passwords that are known from breaches, for threat protection."""


@passwords.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The filter to write; one that exists is replaced.")
@click.option(
    "--min-count", type=click.IntRange(min=1), default=1, show_default=True, help="Of hashes with a count: only those seen so often."
)
@common.json_option
def build(files: tuple[Path, ...], output: Path, min_count: int, as_json: bool) -> None:
    """Make a filter out of lists, for the setting compromised_passwords.

    A list has one password a line, or one SHA-1 in hexadecimal, alone or with a count behind a colon (the form of Pwned Passwords). Memory
    stays the same however long the lists are; beside the filter lie 8 bytes a line while it is made.
    """
    draft = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        with tempfile.TemporaryDirectory(dir=output.parent) as folder:
            runs, most = _sorted_runs(_prefixes(files, min_count), Path(folder))
            with draft.open("xb") as out:
                count = write(out, heapq.merge(*(_read(run) for run in runs)), most)
                out.flush()
                os.fsync(out.fileno())
        draft.replace(output)
    except OSError as error:
        common.fail(f"{error.filename or output} cannot be used: {error.strerror}")
    finally:
        draft.unlink(missing_ok=True)
    size = output.stat().st_size
    if as_json:
        common.show_json({"File": str(output), "Passwords": count, "Bytes": size})
    else:
        click.echo(f"{output}: {count} passwords, {size} bytes")


def _prefixes(files: Iterable[Path], min_count: int) -> Iterator[int]:
    for file in files:
        with file.open("rb") as lines:
            for line in lines:
                hashed = _HASHED.fullmatch(line)
                if hashed is not None:
                    if hashed[2] is None or int(hashed[2]) >= min_count:
                        yield int(hashed[1][: 2 * PREFIX], 16)
                elif password := line.rstrip(b"\r\n"):
                    yield int.from_bytes(digest(password.decode("utf-8", "replace"))[:PREFIX], "big")


def _sorted_runs(prefixes: Iterator[int], folder: Path) -> tuple[list[Path], int]:
    """Sorted pieces on disk, and how many prefixes they hold together."""
    runs: list[Path] = []
    total = 0
    held = array("Q")
    for prefix in prefixes:
        held.append(prefix)
        if len(held) >= _SORTED_AT_ONCE:
            total += len(held)
            runs.append(_keep(held, folder / str(len(runs))))
            held = array("Q")
    runs.append(_keep(held, folder / str(len(runs))))
    return runs, total + len(held)


def _keep(held: array[int], file: Path) -> Path:
    with file.open("wb") as out:
        array("Q", sorted(held)).tofile(out)
    return file


def _read(run: Path) -> Iterator[int]:
    with run.open("rb") as file:
        while piece := _piece(file):
            yield from piece


def _piece(file: BinaryIO) -> array[int]:
    piece = array("Q")
    piece.frombytes(file.read(1 << 16))
    return piece
