"""What kind of device a user agent speaks of, in words for the user's own list of sessions: "iOS, Safari".

Plain searches for known names in the first 512 characters. The rule sets of user-agent libraries are a thousand regular expressions, run one
after the other on what a stranger sent: milliseconds for a line of text, and more for one that was written to be slow.
"""

from __future__ import annotations

import re

UNKNOWN = "unknown"
_READ = 512
# What is looked for, and its name. In this order: many browsers also give the names of others, and phones that of the system they descend from.
_SYSTEMS = (
    ("windows phone", "Windows Phone"),
    ("windows", "Windows"),
    ("iphone", "iOS"),
    ("ipad", "iPadOS"),
    ("ipod", "iOS"),
    ("os/ios", "iOS"),
    ("android", "Android"),
    ("dalvik/", "Android"),
    ("cros ", "ChromeOS"),
    ("tizen", "Tizen"),
    ("mac os x", "macOS"),
    ("macintosh", "macOS"),
    ("os/macos", "macOS"),
    ("darwin", "Darwin"),
    ("freebsd", "FreeBSD"),
    ("linux", "Linux"),
)
_BROWSERS = (
    ("edg/", "Edge"),
    ("edge/", "Edge"),
    ("edga/", "Edge"),
    ("edgios/", "Edge"),
    ("opr/", "Opera"),
    ("opera", "Opera"),
    ("samsungbrowser/", "Samsung Internet"),
    ("vivaldi/", "Vivaldi"),
    ("fxios/", "Firefox"),
    ("firefox/", "Firefox"),
    ("crios/", "Chrome"),
    ("electron/", "Electron"),
    ("chromium/", "Chromium"),
    ("chrome/", "Chrome"),
    ("safari/", "Safari"),
    ("msie ", "Internet Explorer"),
    ("trident/", "Internet Explorer"),
)
_VERSION_FIRST = re.compile(r"([A-Za-z][A-Za-z0-9_.-]{0,39})/[0-9A-Za-z]")


def of(user_agent: str) -> str:
    """Operating system and browser or app, what is known of them; `unknown` for neither."""
    text = user_agent[:_READ]
    folded = text.lower()
    known = [part for part in (_first(_SYSTEMS, folded), _first(_BROWSERS, folded) or _app(text)) if part]
    return ", ".join(known) or UNKNOWN


def _first(names: tuple[tuple[str, str], ...], folded: str) -> str | None:
    return next((name for needle, name in names if needle in folded), None)


def _app(text: str) -> str | None:
    """An app or SDK names itself first: `okhttp/4.12`, `Boto3/1.44`. `Mozilla/5.0` is everybody."""
    match = _VERSION_FIRST.match(text)
    return match.group(1) if match and match.group(1) != "Mozilla" else None
