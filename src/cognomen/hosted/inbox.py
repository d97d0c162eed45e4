"""The inbox over HTTP: a page for people, JSON for tests. Absent in production and where messages go elsewhere.

Everything in a message is somebody's input: it is shown as text, a mail's HTML too, and nothing of it is ever rendered.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cognomen.context import Rooms
from cognomen.delivery.inbox import Inbox, Kept
from cognomen.hosted import templates

_MOST = 100
_TAG = re.compile(r"<[a-zA-Z/!]")


class Shown(msgspec.Struct, frozen=True):
    """A message as the page shows it. `link` is empty unless it is a web address; `source` is the mail's HTML where it has some."""

    message: Kept
    text: str
    link: str
    source: str


def is_shown(rooms: Rooms, kept: Inbox) -> bool:
    """Codes are nobody's to read in production."""
    return "inbox" in rooms.settings.channels and rooms.settings.mode == "dev"


def routes(rooms: Rooms, kept: Inbox) -> Sequence[BaseRoute]:
    if not is_shown(rooms, kept):
        return []

    async def newest(request: Request) -> tuple[str | None, list[Kept]]:
        to = request.query_params.get("to", "").strip() or None
        if to is not None and "\0" in to:  # no database keeps one
            return to, []
        return to, await kept.newest(to, _MOST)

    async def as_json(request: Request) -> Response:
        _, messages = await newest(request)
        return Response(msgspec.json.encode({"messages": messages}), media_type="application/json", headers={"cache-control": "no-store"})

    async def page(request: Request) -> Response:
        to, messages = await newest(request)
        return templates.page("inbox.html", messages=[_shown(message) for message in messages], to=to)

    async def script(request: Request) -> Response:
        return templates.script("inbox.js")

    return [Route("/inbox.json", as_json), Route("/inbox", page), Route("/inbox.js", script)]


def _shown(message: Kept) -> Shown:
    text = plain(message.body) if message.channel == "email" else message.body
    safe = message.link if message.link and urlsplit(message.link).scheme in ("http", "https") else ""
    return Shown(message, text, safe, message.body if message.channel == "email" and _TAG.search(message.body) else "")


def plain(mail: str) -> str:
    """A mail's HTML as the text that a reader sees, with the addresses of its links."""
    reader = _Reader()
    reader.feed(mail)
    reader.close()
    return re.sub(r"\n\s*\n\s*\n+", "\n\n", "".join(reader.parts)).strip()


class _Reader(HTMLParser):
    _BREAKS = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "table", "ul", "ol"})
    _UNSEEN = frozenset({"style", "script", "head", "title"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen = 0
        self._links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._UNSEEN:
            self._unseen += 1
        elif tag in self._BREAKS:
            self.parts.append("\n")
        elif tag == "a":
            self._links.append(dict(attrs).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag == "a" and self._links:
            address = self._links.pop()
            self.parts.append(f" ({address})" if address else "")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data)
