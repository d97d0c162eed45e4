"""`cognomen inbox`: what a running server sent, in a terminal or for a test script."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import click

from cognomen.cli import common
from cognomen.kernel.outbound import Refused, Unreachable, get_json

_PAUSE = 0.2
_TIMEOUT = 10.0


@click.command()
@click.option("--url", default="http://127.0.0.1:2646", show_default=True, help="Where the server is.")
@click.option("--to", help="Only messages to this address or phone number.")
@click.option("--wait", "awaited", metavar="ADDRESS", help="Wait for a message to ADDRESS and print its code, or its link, or its text.")
@click.option("--new", is_flag=True, help="With --wait: only a message that comes after the command began.")
@click.option("--timeout", type=click.FloatRange(min=0), default=30.0, show_default=True, help="Seconds that --wait waits.")
@common.json_option
def inbox(url: str, to: str | None, awaited: str | None, new: bool, timeout: float, as_json: bool) -> None:
    """List what the server sent, newest first.

    With --wait it prints only the code of the newest message to one address, at once where there is one, else as soon as it comes:

      code=$(cognomen inbox --wait anna@example.com)

    A server answers a sign-up after its mail is in the inbox, so a script that asks afterwards gets the mail that it caused.
    """
    if awaited is not None and to is not None:
        raise click.UsageError("--wait names the address already: leave --to out")
    if new and awaited is None:
        raise click.UsageError("--new is for --wait")
    try:
        if awaited is None:
            _list(_messages(url, to), to, as_json)
        else:
            _tell(_wait(url, awaited, timeout, new=new), as_json)
    except Refused as error:
        common.fail(f"the server at {url} has no inbox" if error.status == 404 else str(error))
    except Unreachable as error:
        common.fail(str(error))


def _messages(url: str, to: str | None) -> list[dict[str, Any]]:
    address = f"{url.rstrip('/')}/inbox.json" + (f"?{urlencode({'to': to})}" if to is not None else "")
    answer = get_json(address, _TIMEOUT)
    try:
        found: list[dict[str, Any]] = answer["messages"]
    except (TypeError, KeyError):
        raise Unreachable(f"{address} is not the inbox of a Cognomen server") from None
    return found


def _wait(url: str, address: str, timeout: float, *, new: bool) -> dict[str, Any]:
    end = time.monotonic() + timeout
    seen = {message["id"] for message in _messages(url, address)} if new else set()
    while True:
        found = [message for message in _messages(url, address) if message["id"] not in seen]
        if found:
            return found[0]
        if time.monotonic() >= end:
            common.fail(f"no message to {address} came within {timeout:g} seconds")
        time.sleep(_PAUSE)


def _tell(message: dict[str, Any], as_json: bool) -> None:
    if as_json:
        common.show_json(message)
    else:
        click.echo(common.printable(message["code"] or message["link"] or message["body"]))


def _list(messages: list[dict[str, Any]], to: str | None, as_json: bool) -> None:
    if as_json:
        common.show_json({"messages": messages})
    elif not messages:
        click.echo(f"No messages{f' to {to}' if to else ''} yet.")
    else:
        rows = [
            [
                datetime.fromtimestamp(message["sent_at"], UTC).strftime("%Y-%m-%d %H:%M:%S"),
                message["to"],
                message["username"],
                message["subject"] or "(text)",
                message["link"] or message["code"] or message["body"],
            ]
            for message in messages
        ]
        common.show_table(["Sent (UTC)", "To", "User", "Subject", "Code or link"], rows)
