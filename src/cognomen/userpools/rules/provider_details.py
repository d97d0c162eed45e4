"""What each kind of identity provider takes as ProviderDetails, which of them are secret, and what a provider may be called.

https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateIdentityProvider.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from cognomen.api import errors

SOCIAL: Final = ("Facebook", "Google", "LoginWithAmazon", "SignInWithApple")
SAML, OIDC, APPLE = "SAML", "OIDC", "SignInWithApple"
_CLIENT: Final = ("client_id", "client_secret", "authorize_scopes")
_FILLED: Final = ("attributes_url", "attributes_url_add_attributes", "authorize_url", "oidc_issuer", "token_request_method", "token_url")
_FLAGS: Final = ("IDPSignout", "IDPInit", "EncryptedResponses")
ADDRESSES: tuple[str, ...] = ("authorize_url", "token_url", "attributes_url", "jwks_uri")
_API_VERSION: Final = "v17.0"
_LONGEST: Final = 2048


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """`read_only` are what AWS fills in: who sends them back as they were shown is not refused, and changes nothing. `subject` is the claim that
    is the user's id there."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    secret: tuple[str, ...] = ("client_secret",)
    subject: str = "sub"


KINDS: Final = {
    SAML: Kind(
        required=(),
        optional=("MetadataURL", "MetadataFile", "RequestSigningAlgorithm", *_FLAGS),
        read_only=("SLORedirectBindingURI", "SSORedirectBindingURI", "ActiveEncryptionCertificate"),
        secret=(),
        subject="",
    ),
    OIDC: Kind(
        required=(*_CLIENT, "oidc_issuer"),
        optional=("attributes_request_method", *ADDRESSES),
        read_only=("attributes_url_add_attributes",),
    ),
    "Google": Kind(required=_CLIENT, read_only=_FILLED),
    "Facebook": Kind(required=_CLIENT, optional=("api_version",), read_only=_FILLED, subject="id"),
    "LoginWithAmazon": Kind(required=_CLIENT, read_only=_FILLED, subject="user_id"),
    APPLE: Kind(
        required=("client_id", "team_id", "key_id", "private_key", "authorize_scopes"),
        read_only=(*_FILLED, "client_secret"),
        secret=("private_key",),
    ),
}


def check_name(name: str, kind: str) -> None:
    """A social provider is called as its kind is, and no other is; COGNITO is the pool itself. Raises InvalidParameterException."""
    taken = {each.lower() for each in (*SOCIAL, "COGNITO")}
    if (name != kind) if kind in SOCIAL else (name.lower() in taken):
        raise errors.InvalidParameterException(f"Provider {name} cannot be of type {kind}.")


def checked(kind: str, given: Mapping[str, str]) -> dict[str, str]:
    """The details as they are kept, with secret ones, and with AWS's defaults. Raises InvalidParameterException."""
    row = KINDS[kind]
    known = {*row.required, *row.optional, *row.read_only}
    unknown = sorted(given.keys() - known)
    if unknown:
        raise _invalid(f"ProviderDetails contains invalid keys for a provider of type {kind}: [{', '.join(unknown)}]")
    kept = {name: value for name, value in given.items() if name not in row.read_only and value != ""}
    missing = [name for name in row.required if name not in kept]
    if set(missing) & set(_CLIENT):
        needed = [name for name in row.required if name != "oidc_issuer"]
        raise _invalid(f"{', '.join(needed[:-1])} and {needed[-1]} are all required idp details")
    if missing:
        raise _invalid(f"The following ProviderDetails are required: [{', '.join(missing)}]")
    for name, value in kept.items():
        if name not in ("MetadataFile", "private_key") and (len(value) > _LONGEST or not value.isprintable()):
            raise _invalid(f"The value of {name} in ProviderDetails is not valid.")
    check = {SAML: _check_saml, OIDC: _check_openid, "Facebook": _check_facebook}.get(kind)
    return check(kept) if check is not None else kept


def _check_saml(details: dict[str, str]) -> dict[str, str]:
    sources = [name for name in ("MetadataURL", "MetadataFile") if name in details]
    if not sources:
        raise _invalid("At least one of the MetadataURL or MetadataFile should be provided.")
    if len(sources) > 1:
        raise _invalid("Only one of the MetadataURL or MetadataFile should be provided.")
    for name in _FLAGS:
        if details.get(name, "true").lower() not in ("true", "false"):
            raise _invalid(f"The value of {name} in ProviderDetails must be true or false.")
    if details.get("RequestSigningAlgorithm", "rsa-sha256") != "rsa-sha256":
        raise _invalid("The value of RequestSigningAlgorithm in ProviderDetails must be rsa-sha256.")
    return details


def _check_openid(details: dict[str, str]) -> dict[str, str]:
    method = details.setdefault("attributes_request_method", "GET")
    if method not in ("GET", "POST"):
        raise _invalid("The value of attributes_request_method in ProviderDetails must be GET or POST.")
    if "openid" not in details["authorize_scopes"].split():
        raise _invalid("The value of authorize_scopes in ProviderDetails must contain openid.")
    for name in ("oidc_issuer", *ADDRESSES):
        if name in details and not _is_address(details[name]):
            raise _invalid(f"The value of {name} in ProviderDetails is not a valid URL.")
    return details


def _check_facebook(details: dict[str, str]) -> dict[str, str]:
    if re.fullmatch(r"v[0-9]{1,3}\.[0-9]{1,2}", details.setdefault("api_version", _API_VERSION), re.ASCII) is None:
        raise _invalid("The value of api_version in ProviderDetails is not valid.")
    return details


def _is_address(url: str) -> bool:
    """Whether it may be asked is found out where it is asked: plain http on this machine, in development."""
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None and not parts.fragment and " " not in url
        )
    except ValueError:
        return False


def is_on(details: Mapping[str, str], flag: str) -> bool:
    return details.get(flag, "").lower() == "true"


def _invalid(text: str) -> errors.InvalidParameterException:
    return errors.InvalidParameterException(text)
