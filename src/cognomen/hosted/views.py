"""How a sign-in page is made: its template, what all of them show, and the headers that they have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.responses import Response

from cognomen.api import errors
from cognomen.hosted import forms, templates, texts
from cognomen.hosted.forms import Visit
from cognomen.userpools.rules import names, password_policy

_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+", re.ASCII)
_TOO_MANY = (errors.TooManyRequestsException, errors.LimitExceededException)


def show(of: Visit, name: str, *, alert: str = "", notice: str = "", status: int = 200, **values: object) -> Response:
    """`alert` is what went wrong, `notice` what went well."""
    response = templates.entrance(
        name,
        status,
        _targets(of.wanted.asked.redirect_uri),
        text=texts.ENGLISH,
        look=of.look,
        app=of.client.settings.client_name or "",
        csrf=of.token,
        link=of.link,
        alert=alert,
        notice=notice,
        **values,
    )
    forms.remember(of, response)
    return response


def status_of(error: errors.ServiceError) -> int:
    return 429 if isinstance(error, _TOO_MANY) else 400


def name_label(of: Visit, text: Mapping[str, str]) -> str:
    """What users of this pool sign in with."""
    named = names.username_attributes(of.pool)
    if named:
        return text["email_or_phone"] if len(named) > 1 else text[named[0]]
    others = [text[name].lower() for name in ("email", "phone_number") if name in names.alias_attributes(of.pool)]
    return text["username_or"].format(others=text["or"].join(others)) if others else text["username"]


def name_type(of: Visit) -> str:
    """Of the input: which keyboard a phone shows."""
    named = names.username_attributes(of.pool)
    return {"email": "email", "phone_number": "tel"}.get(",".join(named), "text")


def password_rules(of: Visit, text: Mapping[str, str]) -> list[str]:
    policy = password_policy.of(of.pool)
    asked = [name for name in ("require_lowercase", "require_uppercase", "require_numbers", "require_symbols") if getattr(policy, name)]
    return [text["at_least"].format(count=policy.minimum_length or 8), *(text[name] for name in asked)]


def _targets(redirect_uri: str) -> str:
    """For form-action, which browsers hold against the redirects that follow a form as well: back to the app, and where the app itself sends the
    browser on to, which is often another host of its own. So an https address stands for https, and none but the app's own for the rest. A host that a policy cannot name stands for its scheme."""
    parts = urlsplit(redirect_uri)
    return f"http://{parts.netloc}" if parts.scheme == "http" and _HOST.fullmatch(parts.netloc) else f"{parts.scheme}:"
