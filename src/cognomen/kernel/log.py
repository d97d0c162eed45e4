"""The log: one line an event on stderr, JSON for machines, readable on a terminal. Ours and the libraries' lines look alike.

Nothing secret is ever handed to the log; should it happen all the same, `redact` masks what stands under a telling name.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, TextIO

import msgspec

if "rich" in sys.modules:
    import structlog
else:
    # structlog draws its tracebacks with rich if that can be imported. We use neither, and rich costs each start 130 ms and 7 MB.
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        import structlog
    finally:
        del sys.modules["rich"]

_TELLING = re.compile(
    r"pass(word|wd|phrase)|secret|token|session|verifier|salt|signature|authorization|cookie|credential|assertion|private|(?<!status_)(?<!error_)code",
    re.IGNORECASE,
)
_MASK = "***"
_DEEPEST = 4


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module: `_log = get_logger(__name__)`, then `_log.info("what happened", key=value)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def set_up(level: str = "info", *, stream: TextIO | None = None, readable: bool | None = None) -> None:
    """Sends everything, uvicorn's and asyncio's lines too, to `stream` (stderr). `readable`: if the stream is a terminal.

    Start uvicorn with `log_config=None`, or it puts its own handlers back."""
    stream = stream or sys.stderr
    readable = stream.isatty() if readable is None else readable
    common: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        redact,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: structlog.typing.Processor
    last = structlog.dev.ConsoleRenderer(colors=stream.isatty()) if readable else structlog.processors.JSONRenderer(serializer=_json)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *common,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        # Not cached: a test, or a reload, sets up the log again, and a line costs far more than finding its processors.
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=common, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, places, last]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers, library.propagate = [], True
    # One line for each request is the metrics' work; at info it would cost more than the request itself.
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    # At debug the signer writes what it signs, session tokens of AWS among it.
    logging.getLogger("botocore").setLevel(logging.WARNING)


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Masks the value of every key with a telling name (password, token, code, session...), also inside mappings and lists."""
    for key, value in event.items():
        if key not in ("event", "exc_info"):
            event[key] = _masked(key, value, _DEEPEST)
    return event


def traced(bug: BaseException) -> Iterator[str]:
    """An exception and its causes as types and places."""
    seen: set[int] = set()
    cause: BaseException | None = bug
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield f"{type(cause).__module__}.{type(cause).__qualname__}"
        for frame in traceback.extract_tb(cause.__traceback__):
            yield f"  {frame.filename}:{frame.lineno} in {frame.name}"
        cause = cause.__cause__ or cause.__context__


def places(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception as types and places. Its text may quote what was worked on: a password, a code, somebody's row."""
    said = event.pop("exc_info", None)
    bug = sys.exc_info()[1] if said is True else said[1] if isinstance(said, tuple) else said
    if isinstance(bug, BaseException):
        event["exception"] = "\n".join(traced(bug))
    return event


def _masked(key: str, value: Any, depth: int) -> Any:
    if isinstance(value, bool | None):
        return value
    if _TELLING.search(key):
        return _MASK
    if isinstance(value, Mapping):
        return {str(name): _masked(str(name), inner, depth - 1) for name, inner in value.items()} if depth else _MASK
    if isinstance(value, list | tuple):
        return [_masked("", inner, depth - 1) for inner in value] if depth else _MASK
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"  # bytes are keys, seals or bodies: none of them belongs in a log
    return value


def _json(event: Any, **_options: Any) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()
