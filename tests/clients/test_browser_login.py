"""The sign-in pages in a real browser, with an app on another origin: from sign-up to sign-out."""

from __future__ import annotations

import base64
import hashlib
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pyotp
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from playwright.sync_api import Page, expect, sync_playwright

from tests.kit.live import Live
from tests.kit.server import PASSWORD

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
]
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


class _Handler(BaseHTTPRequestHandler):
    """The app: a page that says what it was asked, and remembers with which Referer."""

    referrers: list[str | None] = []  # noqa: RUF012

    def do_GET(self) -> None:
        if self.path != "/favicon.ico":
            self.referrers.append(self.headers.get("referer"))
        onward = self.path.startswith("/hop?")
        self.send_response(302 if onward else 200)
        self.send_header("content-type", "text/html")
        if onward:  # as a back end does that has its pages on another port
            self.send_header("location", f"http://localhost:{self.headers['host'].rpartition(':')[2]}/arrived")
        self.end_headers()
        self.wfile.write(b"<h1>The app</h1>")

    def log_message(self, *args: object) -> None:
        """Nothing on stderr."""


@pytest.fixture(scope="module")
def app() -> Iterator[str]:
    """Its origin, which is not the server's."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page() -> Iterator[Page]:
    """Without JavaScript: the pages need none."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.set_default_timeout(10_000)
        yield page
        browser.close()


def made(live: Live, app: str) -> tuple[str, list[str]]:
    """A pool whose users confirm their mail and need an authenticator app, and two clients."""
    admin = live.boto()
    pool = admin.create_user_pool(PoolName="people", AutoVerifiedAttributes=["email"])["UserPool"]["Id"]
    admin.set_user_pool_mfa_config(UserPoolId=pool, MfaConfiguration="ON", SoftwareTokenMfaConfiguration={"Enabled": True})
    clients = [
        admin.create_user_pool_client(
            UserPoolId=pool,
            ClientName=name,
            AllowedOAuthFlowsUserPoolClient=True,
            AllowedOAuthFlows=["code"],
            AllowedOAuthScopes=["openid", "email"],
            CallbackURLs=[f"{app}/back", f"{app}/hop"],
            LogoutURLs=[f"{app}/bye"],
            SupportedIdentityProviders=["COGNITO"],
        )["UserPoolClient"]["ClientId"]
        for name in ("Notes", "Photos")
    ]
    return pool, clients


def asked(live: Live, app: str, pool: str, client: str, back: str = "back") -> str:
    """The app's link to sign in."""
    given = {"client_id": client, "response_type": "code", "redirect_uri": f"{app}/{back}", "scope": "openid email", "state": "xyz"}
    pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    return f"http://localhost:{live.port}/{pool}/oauth2/authorize?{urlencode({**given, **pkce})}"


def claims(live: Live, app: str, pool: str, client: str, url: str) -> dict[str, object]:
    """What the ID token says that the code in the address is worth; its signature checked with the pool's published keys."""
    base = f"http://localhost:{live.port}/{pool}"
    query = dict(parse_qsl(urlsplit(url).query))
    assert query["state"] == "xyz"
    form = {"grant_type": "authorization_code", "client_id": client, "redirect_uri": f"{app}/back", "code": query["code"]}
    tokens = httpx.post(f"{base}/oauth2/token", data={**form, "code_verifier": VERIFIER}).raise_for_status().json()
    keys = KeySet.import_key_set(httpx.get(f"{base}/.well-known/jwks.json").json())
    read = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims
    assert (read["iss"], read["aud"]) == (base, client)
    return read


def test_from_sign_up_to_sign_out(live: Live, page: Page, app: str) -> None:
    """An account made and confirmed, an authenticator app set up, back at the app with a code; another app without a question; out again."""
    pool, (notes, photos) = made(live, app)
    page.goto(asked(live, app, pool, notes))
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Email").fill("anna@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text("We sent a code to")).to_be_visible()
    [message] = httpx.get(f"{live.url}/inbox.json?to=anna@example.com").json()["messages"]
    page.get_by_label("Code").fill(message["code"])
    page.get_by_label("Code").press("Enter")
    expect(page.get_by_role("status")).to_have_text("Your account is confirmed. You can sign in now.")
    page.get_by_label("Password").fill("Wrong-Horse-9")
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Incorrect username or password.")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    secret = page.locator("code").inner_text().replace(" ", "")
    page.get_by_label("Code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"{app}/back?**")
    assert claims(live, app, pool, notes, page.url)["cognito:username"] == "anna"

    page.goto(asked(live, app, pool, photos))
    page.wait_for_url(f"{app}/back?**")
    assert claims(live, app, pool, photos, page.url)["email"] == "anna@example.com"

    page.goto(f"http://localhost:{live.port}/{pool}/logout?{urlencode({'client_id': photos, 'logout_uri': f'{app}/bye'})}")
    page.wait_for_url(f"{app}/bye")
    page.goto(asked(live, app, pool, notes))
    expect(page.get_by_label("Password")).to_be_visible()
    assert set(_Handler.referrers) == {None}


def test_an_app_that_sends_the_browser_on(live: Live, page: Page, app: str) -> None:
    """From the app's redirect URI to another origin: Chromium holds form-action against this hop as well."""
    pool, (notes, _) = made(live, app)
    admin = live.boto()
    admin.set_user_pool_mfa_config(UserPoolId=pool, MfaConfiguration="OFF")
    admin.admin_create_user(UserPoolId=pool, Username="anna", MessageAction="SUPPRESS")
    admin.admin_set_user_password(UserPoolId=pool, Username="anna", Password=PASSWORD, Permanent=True)
    page.goto(asked(live, app, pool, notes, "hop"))
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("http://localhost:*/arrived")


def test_another_sites_form(live: Live, page: Page, app: str) -> None:
    """Posted by a page of the app's origin, into a browser that has the cookie: the form is shown, nobody is signed in."""
    pool, (notes, _) = made(live, app)
    page.goto(asked(live, app, pool, notes))
    action = page.url
    page.goto(app)
    page.set_content(f'<form method="post" action="{action}"><input name="username" value="x"><button>Go</button></form>')
    page.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_contain_text("This page was open for too long")
