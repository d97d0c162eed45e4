"""`cognomen dev --tls`: the certificate that it answers with, and the authority that clients are told to trust, kept in the data folder.

`authority.pem` may be given away, the two keys are their owner's. A certificate that ends within weeks is made anew at the next start; the
authority stays, so that nobody has to trust another.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from cognomen.config import BadSetting, Settings
from cognomen.kernel import local_certificate
from cognomen.kernel.clock import SystemClock
from cognomen.kernel.local_certificate import Pem

_PRIVATE, _PUBLIC = 0o600, 0o644


class TlsFiles(NamedTuple):
    authority: Path
    certificate: Path
    key: Path


def prepare(settings: Settings) -> TlsFiles:
    """Makes what is missing. Raises BadSetting where the folder cannot be written or holds something else."""
    folder = _for_this_run() if settings.data == ":memory:" else Path(settings.data) / "tls"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = _authority(folder)
        files = TlsFiles(folder / "authority.pem", folder / "localhost.pem", folder / "localhost.key")
        if not _is_good(files):
            made = local_certificate.make_certificate(authority, _now())
            _write(files.key, made.key, _PRIVATE)
            _write(files.certificate, made.certificate, _PUBLIC)
    except OSError as error:
        raise BadSetting(f"cannot keep a certificate in {folder}: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise BadSetting(f"what lies in {folder} is no certificate of ours: remove the folder, and trust the new authority") from error
    return files


def _for_this_run() -> Path:
    """A folder that goes with the process: where nothing is kept, no key is left behind."""
    folder = Path(tempfile.mkdtemp(prefix="cognomen-tls-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _authority(folder: Path) -> Pem:
    certificate, key = folder / "authority.pem", folder / "authority.key"
    if certificate.exists() and key.exists():
        return Pem(certificate.read_bytes(), key.read_bytes())
    made = local_certificate.make_authority(_now())
    _write(key, made.key, _PRIVATE)
    _write(certificate, made.certificate, _PUBLIC)
    for old in (folder / "localhost.pem", folder / "localhost.key"):
        old.unlink(missing_ok=True)
    return made


def _is_good(files: TlsFiles) -> bool:
    return files.certificate.exists() and files.key.exists() and local_certificate.lasts(files.certificate.read_bytes(), _now())


def _write(file: Path, content: bytes, mode: int) -> None:
    """Never readable by others for a moment, and never half there."""
    part = file.with_suffix(f"{file.suffix}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as opened:
        opened.write(content)
    part.replace(file)


def _now() -> datetime:
    return datetime.fromtimestamp(SystemClock().now(), UTC)
