"""A SAML provider at which users sign in: it reads the request that a browser brings, and answers it."""

from __future__ import annotations

import base64
import zlib
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

from tests.kit.federation import ACS
from tests.kit.saml import NAMES, Provider, encrypt, written
from tests.kit.upstream import query_of

SSO = "https://idp.example.com/SingleSignOnService/Redirect"


def request_of(url: str) -> Any:
    """The AuthnRequest in an address of the redirect binding."""
    assert url.startswith(f"{SSO}?")
    return etree.fromstring(zlib.decompress(base64.b64decode(query_of(url)["SAMLRequest"]), -15))


def check_signature(url: str, certificate: str) -> None:
    """Over the query as it was sent (saml-bindings, 3.4.4.1). Raises InvalidSignature."""
    query = urlsplit(url).query
    signed, _, signature = query.partition("&Signature=")
    key = x509.load_der_x509_certificate(base64.b64decode(certificate)).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert quote("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", safe="") in signed
    key.verify(base64.b64decode(parse_qs(f"s={signature}")["s"][0]), signed.encode(), padding.PKCS1v15(), hashes.SHA256())


class Idp(Provider):
    """`now` is its clock. `said` are members of the response; `audience` is the pool's name there."""

    def __init__(self, audience: str = "", **said: Any) -> None:
        super().__init__()
        self.audience = audience
        self.now = 0.0
        self.said = said
        self.count = 0
        self.key_to: Any = None

    def response_to(self, request_id: str | None, **members: Any) -> Any:
        """Not signed yet."""
        self.count += 1
        given = {"audience": self.audience, "recipient": ACS, "number": str(self.count), **self.said, **members}
        response = self.response(self.now, **given)
        if request_id is not None:
            response.set("InResponseTo", request_id)
            response.find(".//saml:SubjectConfirmationData", NAMES).set("InResponseTo", request_id)
        return response

    def form(self, response: Any, state: str) -> dict[str, str]:
        """What the browser posts, signed, and encrypted where there is a key to encrypt to."""
        signed = self.signed(response)
        if self.key_to is not None:
            encrypt(signed, self.key_to)
        return {"SAMLResponse": base64.b64encode(written(signed)).decode(), "RelayState": state}

    def sign_in(self, url: str) -> dict[str, str]:
        return self.form(self.response_to(request_of(url).get("ID")), query_of(url)["RelayState"])
