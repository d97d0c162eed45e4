"""Where an address is: city and country out of a database file (MMDB) that the operator names. Without one nobody knows, and nothing is loaded."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, final

if TYPE_CHECKING:
    import maxminddb

_LONGEST = 256  # characters of a name
_REMEMBERED = 4096


class BadPlaces(Exception):
    """The file cannot be used. The text says why, and is for the operator."""


class Place(NamedTuple):
    """In English, as the databases of MaxMind, DB-IP and others write them; each is empty where it is not known."""

    city: str = ""
    country: str = ""


NOWHERE = Place()


@final
class Places:
    """`file` is a GeoIP database in MaxMind's format; empty: no address is anywhere. Read from the file as it is asked, in constant memory."""

    __slots__ = ("_file", "_reader", "_unknown", "of")

    def __init__(self, file: str = "") -> None:
        self._file = file
        self._reader: maxminddb.Reader | None = None
        self._unknown: tuple[type[Exception], ...] = (ValueError,)
        self.of = lru_cache(maxsize=_REMEMBERED)(self._of)

    def check(self) -> None:
        """At the start of a server: opens the named file. Raises BadPlaces."""
        if not self._file:
            return
        import maxminddb  # where a file is named

        # no address, or an IPv6 one in a database of IPv4; and whatever a damaged database leads to
        self._unknown = (ValueError, RecursionError, maxminddb.InvalidDatabaseError)
        try:
            self._reader = maxminddb.open_database(self._file)
        except OSError as cause:
            raise BadPlaces(f"geo_database: {self._file} cannot be read: {cause.strerror}") from cause
        except maxminddb.InvalidDatabaseError as cause:
            raise BadPlaces(f"geo_database: {Path(self._file).name} is not a database in MaxMind's format (MMDB)") from cause

    def _of(self, address: str) -> Place:
        if self._reader is None or not address:
            return NOWHERE
        try:
            found = self._reader.get(address)
        except self._unknown:
            return NOWHERE
        return Place(_name(found, "city"), _name(found, "country"))

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def _name(record: Any, part: str) -> str:
    """`{"city": {"names": {"en": "Vienna"}}}`, as MaxMind and those who follow it write it; anything else is not known."""
    for key in (part, "names", "en"):
        record = record.get(key) if isinstance(record, dict) else None
    return record[:_LONGEST] if isinstance(record, str) else ""
