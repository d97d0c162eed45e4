"""What the sign-in pages say: the catalogue in English, and which others there are (languages/, one file each, with the same keys). Texts of errors
are the operations' own; a catalogue may have the most frequent ones under `error:` and the English text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

ENGLISH: Mapping[str, str] = MappingProxyType(
    {
        "language": "en",
        "terms": "cognito:english",
        "sign_in": "Sign in",
        "sign_in_to": "Sign in to {app}",
        "username": "Username",
        "email": "Email",
        "phone_number": "Phone number",
        "email_or_phone": "Email or phone number",
        "username_or": "Username or {others}",
        "or": " or ",
        "password": "Password",
        "new_password": "New password",
        "forgot": "Forgot your password?",
        "choose": "Sign in without a password",
        "no_other_way": "There is no other way to sign in. Please enter your password.",
        "WEB_AUTHN": "A passkey",
        "SMS_OTP": "A code by text message",
        "passkey_title": "Sign in with your passkey",
        "passkey_why": "Your device will ask for your fingerprint, face, PIN or security key.",
        "passkey_button": "Use my passkey",
        "passkey_failed": "There was no passkey. Try again, or go back and sign in in another way.",
        "passkey_script": "Passkeys need JavaScript, which is switched off in this browser.",
        "new_here": "New here?",
        "sign_up": "Create an account",
        "have_account": "Do you have an account?",
        "or_with": "or",
        "with_provider": "Continue with {provider}",
        "signed_in_as": "You are signed in as {user}.",
        "choose_account": "Choose an account",
        "continue_as": "Continue as {user}",
        "other_account": "Use another account",
        "back": "Back to sign in",
        "code": "Code",
        "verify": "Continue",
        "resend": "Send a new code",
        "sent_again": "A new code is on its way.",
        "code_sent": "We sent a code to {to}.",
        "code_of_account": "Enter the code that was sent to you.",
        "code_title": "Enter your code",
        "app_code_title": "Enter the code of your authenticator app",
        "app_code_of": "Open {name} and enter its current code.",
        "app_code": "Open your authenticator app and enter its current code.",
        "select_title": "How do you want to prove that it is you?",
        "SMS_MFA": "A code by text message",
        "EMAIL_OTP": "A code by email",
        "SOFTWARE_TOKEN_MFA": "A code of my authenticator app",
        "new_password_title": "Choose a new password",
        "new_password_why": "The one that you have is for the first time only.",
        "set_up_title": "Set up your authenticator app",
        "set_up_why": "This account needs a second step. Scan this with an authenticator app, then enter the code that the app shows.",
        "set_up_picture": "A QR code of the key below",
        "set_up_open": "Open my authenticator app",
        "set_up_key": "Or type this key into the app:",
        "set_up_impossible": "This account needs a second factor that cannot be set up here. Please contact an administrator.",
        "no_such_step": "This sign-in needs a step that these pages do not have. Please contact an administrator.",
        "sign_up_title": "Create your account",
        "sign_up_button": "Create account",
        "agree": "By signing up you agree to",
        "terms-of-use": "the terms of use",
        "privacy-policy": "the privacy policy",
        "and": " and ",
        "confirm_title": "Confirm your account",
        "confirmed": "Your account is confirmed. You can sign in now.",
        "no_code": "An administrator must confirm your account before you can sign in.",
        "forgot_title": "Forgot your password?",
        "forgot_why": "Tell us who you are, and we send you a code.",
        "forgot_button": "Send the code",
        "reset_title": "Set a new password",
        "reset_button": "Set the password",
        "reset_sent": "If there is such an account, we sent a code to {to}.",
        "reset_done": "Your password is changed. You can sign in now.",
        "at_least": "At least {count} characters",
        "require_lowercase": "a lower-case letter",
        "require_uppercase": "an upper-case letter",
        "require_numbers": "a digit",
        "require_symbols": "a special character",
        "fill_in": "Please fill in every field.",
        "expired": "This page was open for too long, or your browser keeps no cookies. Please try again.",
        "too_many": "There are too many requests now. Please try again in a moment.",
        "error_title": "Something is wrong with this link",
        "error_why": "The app that sent you here asked for something that it may not have. Go back to it and try again; if that does not help, tell who runs it.",
        "unavailable": "Login pages unavailable. Please contact an administrator.",
        "attribute.name": "Name",
        "attribute.given_name": "Given name",
        "attribute.family_name": "Family name",
        "attribute.middle_name": "Middle name",
        "attribute.nickname": "Nickname",
        "attribute.preferred_username": "Preferred username",
        "attribute.profile": "Profile page",
        "attribute.picture": "Picture",
        "attribute.website": "Website",
        "attribute.email": "Email",
        "attribute.gender": "Gender",
        "attribute.birthdate": "Birthdate",
        "attribute.zoneinfo": "Time zone",
        "attribute.locale": "Locale",
        "attribute.phone_number": "Phone number",
        "attribute.address": "Address",
        "attribute.updated_at": "Updated at",
    }
)


# AWS's `lang` -> the module under languages/; en is this file.
LANGUAGES = {"de": "german", "es": "spanish", "fr": "french", "it": "italian", "ja": "japanese", "pt-br": "portuguese"}


def of(lang: str | None) -> Mapping[str, str]:
    """The catalogue of a language, or of the language that a region's is a form of (`de-AT`); English for what is not known."""
    asked = (lang or "").lower().replace("_", "-")
    return _catalogue(asked if asked in LANGUAGES else next((name for name in LANGUAGES if name[:2] == asked[:2]), ""))


@cache
def _catalogue(name: str) -> Mapping[str, str]:
    if not name:
        return ENGLISH
    found: Mapping[str, str] = import_module(f"cognomen.hosted.languages.{LANGUAGES[name]}").TEXTS
    return MappingProxyType(dict(found))


def attribute(text: Mapping[str, str], name: str) -> str:
    """The label of an attribute's field."""
    return text.get(f"attribute.{name}") or name.removeprefix("custom:").replace("_", " ").capitalize()
