"""Providers whose certificates no public authority vouches for: registered with the SHA-1 of the last certificate of the chain that they present, which
is then the only one that is trusted, by all of TLS's rules.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html: asked for where the public roots do not do.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
from collections.abc import Sequence
from typing import Any

from cognomen.kernel import outbound


def send(method: str, url: str, thumbprints: Sequence[str], **options: Any) -> outbound.Answer:
    """`outbound.send`, and once more with a certificate that one of the thumbprints names where the public ones do not suffice. Raises
    Unreachable. Blocks: for threads."""
    try:
        return outbound.send(method, url, **options)
    except outbound.Unreachable as error:
        if not thumbprints or not isinstance(error.__cause__, ssl.SSLCertVerificationError):
            raise
        context = _trusting(_presented(method, url, options), thumbprints)
        if context is None:
            raise
    return outbound.send(method, url, **options, context=context)


class _Presented(OSError):
    def __init__(self, chain: list[bytes]) -> None:
        super().__init__("the certificates were looked at")
        self.chain = chain


class _Looking(ssl.SSLContext):
    """Takes any certificate, and ends the connection when it has seen it: no request is ever sent over such a one."""

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        with super().wrap_socket(*arguments, **options) as connection:
            raise _Presented(_chain(connection))


def _presented(method: str, url: str, options: dict[str, Any]) -> list[bytes]:
    looking = _Looking(ssl.PROTOCOL_TLS_CLIENT)
    looking.check_hostname = False
    looking.verify_mode = ssl.CERT_NONE
    try:
        outbound.send(method, url, **options, context=looking)
    except outbound.Unreachable as error:
        if isinstance(error.__cause__, _Presented):
            return error.__cause__.chain
    return []


def _chain(connection: ssl.SSLSocket) -> list[bytes]:
    """In DER, the server's own certificate first. Python 3.13 has a public name for what 3.10 to 3.12 keep to themselves."""
    public = getattr(connection, "get_unverified_chain", None)
    found: list[Any] = list((public or connection._sslobj.get_unverified_chain)() or ())  # type: ignore[attr-defined]
    return [one if isinstance(one, bytes) else one.public_bytes(2) for one in found]  # 2: DER


def _trusting(chain: list[bytes], thumbprints: Sequence[str]) -> ssl.SSLContext | None:
    """Trusts the last certificate alone. The names, the dates and the signatures from it down to the server's own are TLS's to check."""
    if not chain:
        return None
    found = hashlib.sha1(
        chain[-1], usedforsecurity=False
    ).hexdigest()  # what AWS's thumbprints are; nobody can make a second one to a given one
    if not any(hmac.compare_digest(found.encode(), one.lower().encode("utf-8", "replace")) for one in thumbprints):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=chain[-1])
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an authority in the middle may be the one
    return context
