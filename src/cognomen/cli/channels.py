"""What `cognomen doctor` asks of the channels by which mails and texts leave: who answers, and one test message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cognomen.cli.finding import Finding
from cognomen.config import Settings
from cognomen.delivery.message import EMAIL, SMS, Channel, Message, NotDelivered
from cognomen.delivery.sender import Senders
from cognomen.delivery.tries import Tries
from cognomen.kernel.clock import SystemClock

_KINDS = {EMAIL: "mails", SMS: "texts"}


async def look(settings: Settings, send_to: str | None) -> list[Finding]:
    """One finding for each channel, one for each kind of message that nothing serves, one for each test message."""
    if not settings.channels:
        found = [Finding("delivery", "warning", "none: operations that send a message fail", "set delivery")]
        return [*found, _nowhere()] if send_to else found
    from cognomen import ways_out  # much of a server: nothing that the other commands should wait for

    tries = Tries(settings.delivery_seconds)
    try:
        senders = Senders(None, settings.mail_from, settings.region)
        outside = ways_out.channels(settings, senders, tries, SystemClock())
        findings = [_inbox(settings, outside)] if "inbox" in settings.channels else _unserved(outside)
        findings += [await _found(f"delivery by {channel.name}", channel.check) for channel in outside]
        if send_to:
            message = _test_message(send_to)
            serving = [channel for channel in outside if message.channel in channel.serves]
            findings += [await _found(f"a message by {channel.name}", _send(channel, message)) for channel in serving] or [_nowhere()]
        return findings
    finally:
        tries.stop()


def _inbox(settings: Settings, outside: list[Channel]) -> Finding:
    kept = [words for kind, words in _KINDS.items() if not any(kind in channel.serves for channel in outside)]
    if settings.mode == "serve" and kept:
        return Finding(
            "delivery",
            "warning",
            f"the inbox alone takes {' and '.join(kept)}, and `serve` does not show it",
            "they reach nobody: set delivery",
        )
    return Finding("delivery", "ok", "mails and texts land in the inbox" + (", and go out" if outside else ""))


def _unserved(outside: list[Channel]) -> list[Finding]:
    return [
        Finding("delivery", "warning", f"nothing sends {words}: operations that need one fail", "name a channel for them in delivery")
        for kind, words in _KINDS.items()
        if not any(kind in channel.serves for channel in outside)
    ]


def _nowhere() -> Finding:
    return Finding(
        "a message", "failed", "no channel of delivery sends one there", "name smtp or ses for mails, sns, eums or twilio for texts"
    )


async def _found(check: str, ask: Callable[[], Awaitable[str]]) -> Finding:
    try:
        return Finding(check, "ok", await ask())
    except NotDelivered as error:
        return Finding(check, "failed", str(error), "docs/guide/messages.md says what each channel needs")


def _send(channel: Channel, message: Message) -> Callable[[], Awaitable[str]]:
    async def ask() -> str:
        await channel.send(message)
        return "taken"

    return ask


def _test_message(to: str) -> Message:
    kind = EMAIL if "@" in to else SMS
    subject = "A test message" if kind == EMAIL else ""
    return Message(
        channel=kind, to=to, pool_id="", username="", subject=subject, body="This is a test message: your server's messages arrive."
    )
