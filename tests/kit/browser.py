"""A browser that a test drives: it keeps cookies, follows redirects on this server, and reads a page's forms to fill them in."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

from tests.kit.server import Reply, TestServer

ORIGIN = "http://localhost:2646"
_MOST = 10


class Form:
    """`fields` are what the form holds as it stands; `buttons` those that have a name, by their names and values."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.data: dict[str, str] = {}  # for scripts
        self.fields: dict[str, str] = {}
        self.kinds: dict[str, dict[str, str]] = {}
        self.buttons: dict[str, list[dict[str, str]]] = {}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.words: list[str] = []
        self.alerts: list[str] = []
        self.sheets: list[str] = []
        self.pictures: list[str] = []
        self._link = ""
        self._alert = self._hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", "")))
            self.forms[-1].data = {name.removeprefix("data-"): value for name, value in given.items() if name.startswith("data-")}
        elif tag == "input" and self.forms:
            self.forms[-1].fields[given["name"]] = given.get("value", "")
            self.forms[-1].kinds[given["name"]] = given
        elif tag == "button" and self.forms:
            self.forms[-1].buttons.setdefault(given.get("name", ""), []).append(given)
        elif tag == "a":
            self._link = given.get("href", "")
        elif tag == "link" and given.get("rel") == "stylesheet":
            self.sheets.append(given["href"])
        elif tag == "img":
            self.pictures.append(given["src"])
        self._alert = self._alert or given.get("role") == "alert"
        self._hidden = self._hidden or tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        self._alert = self._alert and tag != "p"
        self._hidden = self._hidden and tag not in ("style", "script")
        if tag == "a":
            self._link = ""

    def handle_data(self, data: str) -> None:
        word = " ".join(data.split())
        if not word or self._hidden:
            return
        self.words.append(word)
        if self._alert:
            self.alerts.append(word)
        if self._link:
            self.links[word] = self._link


class Page:
    """What the browser shows: `url` is its address, `away` where it was sent out of this server."""

    def __init__(self, reply: Reply, url: str) -> None:
        self.reply, self.url = reply, url
        self.status = reply.status
        self.away = ""
        reader = _Reader()
        if reply.headers.get("content-type", "").startswith("text/html"):
            reader.feed(reply.body.decode())
        self.forms, self.links, self.words = reader.forms, reader.links, reader.words
        self.sheets, self.pictures = reader.sheets, reader.pictures
        self.alert = " ".join(reader.alerts)

    @property
    def form(self) -> Form:
        [form] = self.forms
        return form

    @property
    def title(self) -> str:
        return self.words[0]

    def says(self, words: str) -> bool:
        return words in " ".join(self.words)


class Browser:
    def __init__(self, server: TestServer, origin: str = ORIGIN) -> None:
        self.server = server
        self.origin = origin
        self.cookies: dict[str, str] = {}

    async def get(self, url: str) -> Page:
        return await self._ask("GET", urljoin(self.origin, url), None, {})

    async def submit(
        self,
        page: Page,
        given: Mapping[str, str] | None = None,
        *,
        button: Mapping[str, str] | None = None,
        said: Mapping[str, str] | None = None,
    ) -> Page:
        """The page's form with `given` filled in, by its first button or by `button`, one of the form's."""
        fields = {**page.form.fields, **(given or {})}
        pressed = dict(button or {})
        if pressed.get("name"):
            fields[pressed["name"]] = pressed.get("value", "")
        return await self.post(urljoin(page.url, pressed.get("formaction") or page.form.action), fields, said)

    async def post(self, url: str, fields: Mapping[str, str], said: Mapping[str, str] | None = None) -> Page:
        """As a browser posts a form of a page of `url`'s own origin, unless it `said` otherwise: an empty header is left out."""
        headers = {"origin": self.origin, "sec-fetch-site": "same-origin", **(said or {})}
        headers = {name: value for name, value in headers.items() if value}
        return await self._ask("POST", urljoin(self.origin, url), urlencode(fields).encode(), headers)

    async def _ask(self, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Page:
        for _ in range(_MOST):
            reply = await self._send(method, url, body, headers)
            if reply.status not in (302, 303):
                return Page(reply, url)
            url, method, body, headers = urljoin(url, reply.headers["location"]), "GET", None, {}
            if not url.startswith(self.origin + "/"):
                page = Page(reply, url)
                page.away = url
                return page
        raise AssertionError(f"too many redirects, the last to {url}")

    async def _send(self, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        parts = urlsplit(url)
        given = dict(headers)
        if body is not None:
            given.setdefault("content-type", "application/x-www-form-urlencoded")
        if self.cookies:
            given["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        reply = await self.server.send(method, parts.path, body or b"", given, query=parts.query, host=parts.netloc)
        for name, pair in reply.cookies:
            self.cookies[name] = pair.partition("=")[2]
        return reply
