"""Why a message of an identity provider is not taken. The texts say what is wrong with it, and hold nothing of what it says.

Invalid
├── Malformed        no XML, no SAML, or more than there may be of something
├── BadSignature     not signed, or not by the provider's keys, or not all that is read, or not to be decrypted
├── WrongIssuer      another provider's
├── WrongAudience    made for someone else: audience, recipient, destination
├── Expired          too late, or too early
└── Refused          the provider says that the sign-in failed
"""

from __future__ import annotations


class Invalid(Exception):
    """One of those below."""


class Malformed(Invalid):
    pass


class BadSignature(Invalid):
    pass


class WrongIssuer(Invalid):
    pass


class WrongAudience(Invalid):
    pass


class Expired(Invalid):
    pass


class Refused(Invalid):
    pass
