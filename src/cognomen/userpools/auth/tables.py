"""How a sign-in may begin, what it may ask, and what follows a proved factor, in order. A new challenge is one file and its line here."""

from __future__ import annotations

from cognomen.userpools.auth import (
    choice,
    custom,
    device_srp,
    email_otp,
    mfa,
    mfa_setup,
    new_password,
    password,
    password_srp,
    sms_mfa,
    sms_otp,
    software_token_mfa,
    web_authn,
)
from cognomen.userpools.auth.machine import Follow, Move

FLOWS: dict[str, Move] = {
    "USER_SRP_AUTH": password_srp.begin,
    "USER_PASSWORD_AUTH": password.begin,
    "ADMIN_USER_PASSWORD_AUTH": password.begin,
    "ADMIN_NO_SRP_AUTH": password.begin,
    "USER_AUTH": choice.begin,
    "CUSTOM_AUTH": custom.begin,
}

CHALLENGES: dict[str, Move] = {
    "PASSWORD_VERIFIER": password_srp.answer,
    custom.CHALLENGE: custom.answer,
    choice.SELECT: choice.answer_selection,
    "PASSWORD": password.begin,
    "PASSWORD_SRP": password_srp.begin,
    sms_otp.CHALLENGE: sms_otp.answer,
    web_authn.CHALLENGE: web_authn.answer,
    "NEW_PASSWORD_REQUIRED": new_password.answer,
    device_srp.CHALLENGE: device_srp.answer,
    device_srp.VERIFIER: device_srp.answer_verifier,
    mfa.SELECT: mfa.answer_selection,
    mfa_setup.CHALLENGE: mfa_setup.answer,
    sms_mfa.CHALLENGE: sms_mfa.answer,
    software_token_mfa.CHALLENGE: software_token_mfa.answer,
    email_otp.CHALLENGE: email_otp.answer,
}

# Challenges whose code can be sent once more.
SENT: dict[str, Move] = {sms_mfa.CHALLENGE: sms_mfa.ask, sms_otp.CHALLENGE: sms_otp.ask, email_otp.CHALLENGE: email_otp.ask}

# Challenges that carry their state themselves, beside or instead of a Session.
RECOVERED_FROM_ANSWER = {"PASSWORD_VERIFIER": password_srp.recover, device_srp.VERIFIER: device_srp.recover}

# Challenges that some clients answer without their Session: what was asked is kept here too.
KEPT_HERE = {device_srp.CHALLENGE: device_srp.recover_asked}

# Asked after the password (or what stands for it) was proved, the first that applies first; tokens when none does.
FOLLOWING: tuple[Follow, ...] = (custom.follow, new_password.follow, device_srp.follow, mfa.follow)
