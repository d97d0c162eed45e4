"""Changes in files: each stream is one, NAME.ndjson, of one JSON object a line."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

from cognomen.delivery.lines import append
from cognomen.delivery.sync.record import StreamRecord
from cognomen.delivery.sync.sink import NotSent, Stream


class Files:
    def __init__(self, folder: Path, threads: Executor) -> None:
        self._folder = folder
        self._threads = threads

    async def send(self, stream: Stream, records: Sequence[StreamRecord]) -> Sequence[StreamRecord]:
        # A stream's name has no slash (SetIdentityPoolConfiguration), so it names a file of this folder.
        path = self._folder / f"{stream.name}.ndjson"
        text = b"".join(each.data + b"\n" for each in records)
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, append, str(path), text)
        except OSError as error:
            raise NotSent(f"{path} cannot be written: {error.strerror}") from error
        return records

    async def close(self) -> None:
        pass
