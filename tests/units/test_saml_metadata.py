"""Metadata of identity providers: what is read of it, and what is refused."""

from __future__ import annotations

import pytest

from cognomen.saml.errors import Malformed
from cognomen.saml.metadata import IdentityProvider, read_metadata
from tests.kit.saml import ENTITY, Provider, certificate, made_key

PROVIDER = Provider()
SECOND = certificate(made_key("second"))


def test_all_that_is_published_is_read() -> None:
    document = PROVIDER.metadata("2030-01-01T00:00:00Z", [PROVIDER.certificate, SECOND, SECOND])
    at = "https://idp.example.com"
    assert read_metadata(document.encode()) == IdentityProvider(
        entity_id=ENTITY,
        certificates=[PROVIDER.certificate, SECOND],
        sso_redirect=f"{at}/SingleSignOnService/Redirect",
        sso_post=f"{at}/SingleSignOnService/POST",
        slo_redirect=f"{at}/SingleLogoutService/Redirect",
        slo_post=f"{at}/SingleLogoutService/POST",
        valid_until=1893456000.0,
    )


def test_one_provider_in_a_list() -> None:
    """Of two nobody knows which is meant."""
    one = PROVIDER.metadata().partition("?>")[2]
    begin, end = '<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">', "</md:EntitiesDescriptor>"
    assert read_metadata(f"{begin}{one}{end}".encode()).entity_id == ENTITY
    with pytest.raises(Malformed, match="not exactly one identity provider"):
        read_metadata(f"{begin}{one}{one}{end}".encode())


def test_keys_for_encryption_sign_nothing() -> None:
    with pytest.raises(Malformed, match="no certificate for signing"):
        read_metadata(PROVIDER.metadata().replace('use="signing"', 'use="encryption"').encode())
    assert read_metadata(PROVIDER.metadata().replace(' use="signing"', "").encode()).certificates == [PROVIDER.certificate]


@pytest.mark.parametrize(
    "document",
    [
        "",
        "<a/>",
        "no XML",
        PROVIDER.metadata().replace("IDPSSODescriptor", "SPSSODescriptor"),
        PROVIDER.metadata().replace("SAML:2.0:protocol", "SAML:1.1:protocol"),
        PROVIDER.metadata().replace(f' entityID="{ENTITY}"', ""),
        PROVIDER.metadata().replace(ENTITY, "x" * 1025),
        PROVIDER.metadata(certificates=[]),
        PROVIDER.metadata(certificates=[b"nonsense"]),
        PROVIDER.metadata(certificates=[certificate(made_key("weak", "short"))]),
        PROVIDER.metadata(certificates=[certificate(PROVIDER.key, day) for day in range(33)]),
        PROVIDER.metadata("tomorrow"),
        PROVIDER.metadata().replace("<md:EntityDescriptor", '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x"><md:EntityDescriptor'),
    ],
)
def test_what_is_refused(document: str) -> None:
    with pytest.raises(Malformed):
        read_metadata(document.encode())
