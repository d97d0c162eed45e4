"""Why a sign-in through a provider ended without a user."""

from __future__ import annotations


class FederationError(Exception):
    """The text is public: the app's callback gets it as `error_description`. `code` is the `error` beside it (RFC 6749, 4.1.2.1)."""

    def __init__(self, text: str, code: str = "server_error") -> None:
        super().__init__(text)
        self.text = text
        self.code = code
