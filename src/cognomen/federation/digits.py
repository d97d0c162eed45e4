"""Digits by Twitter: its service has ended, its name is a legacy key of identity pools. Whoever runs a successor names its address."""

from __future__ import annotations

from typing import Final

from cognomen.federation.twitter import Twitter

NAME: Final = "www.digits.com"


def digits(url: str) -> Twitter:
    """https://docs.aws.amazon.com/cognito/latest/developerguide/digits.html: signed like Twitter's, asked at sdk/account."""
    return Twitter(url, path="/1.1/sdk/account.json", name=NAME)
