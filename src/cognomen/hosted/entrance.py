"""The table of the sign-in pages, and what each passes through: the authorization request, the form's proof, the operation's rate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cognomen.api import errors
from cognomen.context import Context
from cognomen.hosted import accounts, brand, challenges, forms, login, templates, texts
from cognomen.hosted.forms import Visit
from cognomen.metering.rates import Rates
from cognomen.oauth.errors import OAuthError, ToApp, ToPage

Show = Callable[..., Awaitable[Response]]
Post = Callable[[Visit, Any], Awaitable[Response]]

# path, what a look at it shows (also with an alert, where a form is not taken), what takes its form, and the operation whose rate that is
PAGES: tuple[tuple[str, Show, Post, str], ...] = (
    ("/login", login.show, login.post, "InitiateAuth"),
    ("/challenge", challenges.show, challenges.post, "RespondToAuthChallenge"),
    ("/signup", accounts.show_sign_up, accounts.sign_up, "SignUp"),
    ("/confirm", accounts.confirm, accounts.post_confirm, "ConfirmSignUp"),
    ("/resendcode", accounts.confirm, accounts.resend, "ResendConfirmationCode"),
    ("/forgotPassword", accounts.show_forgot, accounts.forgot, "ForgotPassword"),
    ("/confirmForgotPassword", accounts.reset, accounts.post_reset, "ConfirmForgotPassword"),
)


def routes(context: Callable[[Request], Context], rates: Rates) -> Sequence[BaseRoute]:
    async def script(_request: Request) -> Response:
        return templates.script("passkey.js")

    return [*(_route(context, rates, *row) for row in PAGES), Route("/{pool_id}/passkey.js", script)]


def _route(context: Callable[[Request], Context], rates: Rates, path: str, show: Show, post: Post, operation: str) -> BaseRoute:
    async def answer(request: Request) -> Response:
        try:
            of = await forms.visit(context(request), request)
            try:
                return await (_take(of) if request.method == "POST" else show(of))
            except forms.Anew as anew:
                return await login.show(of, anew.alert, anew.status, notice=anew.notice, username=anew.username)
        except ToApp:
            raise
        except OAuthError as error:  # nothing here is read by a program
            raise ToPage(error.code, error.description, status=error.status) from error

    async def _take(of: Visit) -> Response:
        try:
            form = await forms.read(of)
            if rates.active:  # else the pages were a way around the operation's own rate
                await rates.charge("cognito-idp", operation, None, b"")
            return await post(of, form)
        except forms.NotOurs:
            return await show(of, of.text["expired"], 403)
        except errors.TooManyRequestsException:
            return await show(of, of.text["too_many"], 429)

    return Route("/{pool_id}" + path, answer, methods=["GET", "POST"])


async def broken(_request: Request, error: Exception) -> Response:
    """For the table of exceptions: what cannot be told to an app, since nothing says whose it is."""
    found = error if isinstance(error, ToPage) else ToPage("invalid_request")
    return templates.entrance(
        "error.html", found.status, "", text=texts.ENGLISH, look=brand.PLAIN, app="", code=found.code, why=found.description or ""
    )
