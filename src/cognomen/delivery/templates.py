"""The texts of mails and texts: AWS's defaults, a pool's own templates, and the filling of their placeholders.

`{####}` takes the code (or the temporary password), `{username}` the name, `{##Words##}` becomes a link with these words.
Defaults: https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-settings-message-customizations.html
"""

from __future__ import annotations

import html
import re

_LINK = re.compile(r"\{##(.*?)##\}", re.DOTALL)

VERIFICATION_SUBJECT = "Your verification code"
VERIFICATION_EMAIL = "Your verification code is {####}."
VERIFICATION_SMS = "Your verification code is {####}."
LINK_SUBJECT = "Your verification link"
LINK_EMAIL = "Please click the link below to verify your email address. {##Verify Email##}"
RESET_SUBJECT = "Your password reset code"
RESET_EMAIL = "Your password reset code is {####}."
RESET_SMS = "Your password reset code is {####}."
SIGN_IN_SUBJECT = "Your authentication code"
SIGN_IN_EMAIL = "Your authentication code is {####}."
SIGN_IN_SMS = "Your authentication code is {####}."
INVITE_SUBJECT = "Your temporary password"
INVITE_EMAIL = "Your username is {username} and temporary password is {####}."
INVITE_SMS = "Your username is {username} and temporary password is {####}."
INVITE_SUBJECT_WITHOUT_PASSWORD = "Your new account"
INVITE_WITHOUT_PASSWORD = "Your username is {username}."


def fill(template: str, *, code: str, username: str = "", markup: bool) -> str:
    """The text with its placeholders filled; in a mail (`markup`) what is filled in is escaped."""
    shown = (html.escape(code), html.escape(username)) if markup else (code, username)
    # One pass, so that a user name which looks like a placeholder stays as it is.
    return re.sub(r"\{####\}|\{username\}", lambda found: shown[0] if found[0] == "{####}" else shown[1], template)


def fill_link(template: str, link: str) -> str:
    """The mail with `{##Words##}` turned into an HTML link."""
    address = html.escape(link, quote=True)
    return _LINK.sub(lambda found: f'<a href="{address}">{html.escape(found[1])}</a>', template)
