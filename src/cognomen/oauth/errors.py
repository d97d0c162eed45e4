"""What the endpoints answer that go wrong: a code of RFC 6749 (4.1.2.1, 5.2) or OpenID Connect Core (3.1.2.6), and where it goes.

OAuthError
├── ToApp    back to the app's redirect URI, which was found good
└── ToPage   shown to the user, since nothing says whose app it is

Again is no error: the browser is to post the same once more, from here.
"""

from __future__ import annotations

from collections.abc import Mapping

from cognomen.api import errors as service


class OAuthError(Exception):
    """`code` and `description` are public. As JSON it has `status`."""

    def __init__(self, code: str, description: str | None = None, *, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.description = description
        self.status = status


class ToApp(OAuthError):
    """`redirect_uri` is one of the client's own; `in_fragment` where its tokens would have been."""

    def __init__(self, code: str, description: str | None = None, *, redirect_uri: str, state: str | None, in_fragment: bool) -> None:
        super().__init__(code, description)
        self.redirect_uri = redirect_uri
        self.state = state
        self.in_fragment = in_fragment


class ToPage(OAuthError):
    """For the user's eyes."""


class Again(Exception):
    """`form` is to be posted again, to the same address."""

    def __init__(self, form: Mapping[str, str]) -> None:
        super().__init__("again")
        self.form = form


def of_trigger(error: service.ServiceError) -> OAuthError:
    """A function refused, or failed: its text is for whoever wrote it, and comes as AWS gives it."""
    return OAuthError("invalid_request", error.message)
