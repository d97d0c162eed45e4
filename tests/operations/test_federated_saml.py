"""Sign-in through a SAML 2.0 provider: the request that is made, the response that is taken, and those that are not."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from cognomen.userpools.federation.sign_in import FederationError
from tests.kit.federation import ACS, Door, door, functions
from tests.kit.provider import Provider as Host
from tests.kit.provider import Raw
from tests.kit.saml import ENTITY, NAMES, Provider, stamp, written
from tests.kit.saml_sign_in import SSO, Idp, check_signature, request_of
from tests.kit.server import TestServer
from tests.kit.upstream import query_of

MAIL = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
FAILED = "Invalid SAML response received: "
MAPPING = {"email": MAIL}


async def corp(server: TestServer, *, details: dict[str, str] | None = None, **more: Any) -> tuple[Door, Idp]:
    idp = Idp(attributes={MAIL: ["kim@example.com"], "groups": ["a", "b"]})
    idp.now = server.clock.now()
    given = {"MetadataFile": idp.metadata(), **(details or {})}
    at = await door(server, "Corp", "SAML", given, callback=ACS, **{"mapping": MAPPING, **more})
    idp.audience = f"urn:amazon:cognito:sp:{at.pool_id}"
    return at, idp


async def nobody(at: Door, returned: dict[str, str], kept: dict[str, str], callback: str = "") -> str:
    with pytest.raises(FederationError) as error:
        await at.arrive(returned, kept, callback)
    assert (await at.server.call("ListUsers", UserPoolId=at.pool_id))["Users"] == []
    return error.value.text


class TestDepart:
    async def test_the_request(self, server: TestServer) -> None:
        """By redirect, in the pool's name, to be answered by POST at the callback; not signed unless told."""
        at, _ = await corp(server)
        left = await at.depart("the-state", login_hint="kim@example.com<&>")
        request = request_of(left.url)
        assert (left.kept, query_of(left.url)["RelayState"]) == ({"request": request.get("ID"), "state": "the-state"}, "the-state")
        assert "Signature" not in query_of(left.url)
        assert {name: request.get(name) for name in ("Version", "Destination", "AssertionConsumerServiceURL", "ProtocolBinding")} == {
            "Version": "2.0",
            "Destination": SSO,
            "AssertionConsumerServiceURL": ACS,
            "ProtocolBinding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
        }
        assert request.findtext("saml:Issuer", namespaces=NAMES) == f"urn:amazon:cognito:sp:{at.pool_id}"
        assert request.findtext("saml:Subject/saml:NameID", namespaces=NAMES) == "kim@example.com<&>"

    async def test_a_signed_request(self, server: TestServer) -> None:
        """With the key whose certificate GetSigningCertificate shows."""
        at, _ = await corp(server, details={"RequestSigningAlgorithm": "rsa-sha256"})
        left = await at.depart("a state & more")
        shown = await server.call("GetSigningCertificate", UserPoolId=at.pool_id)
        check_signature(left.url, shown["Certificate"])
        with pytest.raises(InvalidSignature):
            check_signature(left.url.replace("RelayState=a", "RelayState=b"), shown["Certificate"])


class TestArrive:
    async def test_a_profile(self, server: TestServer) -> None:
        """By the NameID; a function sees the assertion's attributes; the issuer is the provider's entity id."""
        at, idp = await corp(server, LambdaConfig=functions(server, "InboundFederation"))
        user = await at.go(idp.sign_in)
        shown = await at.shown("Corp_kim")
        (identity,) = json.loads(shown["identities"])
        assert (user.username, shown["email"], identity["issuer"], identity["providerType"]) == (
            "Corp_kim",
            "kim@example.com",
            ENTITY,
            "SAML",
        )
        (event,) = server.functions.events
        assert event["request"] == {
            "providerName": "Corp",
            "providerType": "SAML",
            "attributes": {"samlResponse": {MAIL: "kim@example.com", "groups": "[a, b]"}},
        }
        assert (await at.go(idp.sign_in)).sub == user.sub

    async def test_a_name_id_in_another_case(self, server: TestServer) -> None:
        """Is the same person where case does not count, and another where it does."""
        for sensitive, names in ((False, ["corp_kim", "corp_kim"]), (True, ["Corp_kim", "Corp_KIM"])):
            at, idp = await corp(server, UsernameConfiguration={"CaseSensitive": sensitive})
            found = []
            for name in ("kim", "KIM"):
                idp.said["name_id"] = name
                found.append((await at.go(idp.sign_in)).username)
            assert found == names

    async def test_encrypted(self, server: TestServer) -> None:
        """For the certificate that is shown; one in the clear is refused then."""
        at, idp = await corp(server, details={"EncryptedResponses": "true"})
        left = await at.depart()
        assert await nobody(at, idp.sign_in(left.url), left.kept) == FAILED + "the assertion is not encrypted."
        shown = (await server.call("DescribeIdentityProvider", UserPoolId=at.pool_id, ProviderName="Corp"))["IdentityProvider"]
        certificate = base64.b64decode(shown["ProviderDetails"]["ActiveEncryptionCertificate"])
        idp.key_to = x509.load_der_x509_certificate(certificate).public_key()
        assert (await at.go(idp.sign_in)).username == "Corp_kim"

    async def test_a_response_is_taken_once(self, server: TestServer) -> None:
        """Replayed to the same sign-in, and under another one's name."""
        at, idp = await corp(server)
        left = await at.depart()
        returned = idp.sign_in(left.url)
        await at.arrive(returned, left.kept)
        for kept in (left.kept, {**left.kept, "request": left.kept["request"]}):
            with pytest.raises(FederationError, match="the assertion was used before"):
                await at.arrive(returned, kept)

    async def test_one_that_nobody_asked_for(self, server: TestServer) -> None:
        """Only with IDPInit; and then none that answers a request."""
        at, idp = await corp(server)
        state = "Invalid samlResponse or relayState from identity provider"
        assert await nobody(at, idp.form(idp.response_to(None), ""), {}) == state
        members = {"UserPoolId": at.pool_id, "ProviderName": "Corp"}
        details = {"MetadataFile": idp.metadata(), "IDPInit": "true"}
        await server.call("UpdateIdentityProvider", **members, ProviderDetails=details)
        answered = idp.form(idp.response_to("_another"), "")
        assert await nobody(at, answered, {}) == FAILED + "the assertion answers a request that was not made here."
        assert (await at.arrive(idp.form(idp.response_to(None), "deep-link"), {})).username == "Corp_kim"

    async def test_of_another_sign_in(self, server: TestServer) -> None:
        """RelayState of another, and InResponseTo of another."""
        at, idp = await corp(server)
        mine, victims = await at.depart("mine"), await at.depart("victims")
        returned = idp.sign_in(mine.url)
        assert await nobody(at, returned, victims.kept) == "Invalid samlResponse or relayState from identity provider"
        swapped = {**returned, "RelayState": "victims"}
        assert await nobody(at, swapped, victims.kept) == FAILED + "the Response answers another request."
        for other in ({"InResponseTo": mine.kept["request"]}, {}):
            response = idp.response_to(None)
            response.set("InResponseTo", victims.kept["request"])  # which no signature covers here
            response.find(".//saml:SubjectConfirmationData", NAMES).attrib.update(other)
            assert await nobody(at, idp.form(response, "victims"), victims.kept) == FAILED + "the assertion answers another request."

    @pytest.mark.parametrize(
        ("members", "reason"),
        [
            ({"audience": "urn:amazon:cognito:sp:us-east-1_another00"}, "the assertion is for another audience"),
            ({"recipient": "https://evil.example.com/"}, "the Response has another destination"),
            ({"status": "Responder"}, "the provider's status is not Success"),
            ({"seconds": -120}, "the assertion's confirmation has expired"),
        ],
    )
    async def test_for_somebody_else(self, server: TestServer, members: dict[str, Any], reason: str) -> None:
        at, idp = await corp(server)
        left = await at.depart()
        response = idp.response_to(left.kept["request"], **members)
        assert await nobody(at, idp.form(response, "state-1"), left.kept) == f"{FAILED}{reason}."

    async def test_signatures(self, server: TestServer) -> None:
        """None, another's, one whose text was changed, and one that covers another assertion than is read."""
        at, idp = await corp(server)
        left = await at.depart()

        def fresh() -> Any:
            return idp.response_to(left.kept["request"])

        other = Provider(name="another")

        def changed() -> Any:
            signed = idp.signed(fresh())
            signed.find(".//saml:NameID", NAMES).text = "admin"
            return signed

        def wrapped() -> Any:
            signed = idp.signed(fresh())
            assertion = signed.find("saml:Assertion", NAMES)
            evil = deepcopy(assertion)
            evil.set("ID", "_evil")
            evil.remove(evil.find("ds:Signature", NAMES))
            evil.find(".//saml:NameID", NAMES).text = "admin"
            signed.insert(signed.index(assertion), evil)
            return signed

        for response in (fresh(), other.signed(fresh()), changed(), wrapped()):
            form = {"SAMLResponse": base64.b64encode(written(response)).decode(), "RelayState": "state-1"}
            assert (await nobody(at, form, left.kept)).startswith(FAILED)

    @pytest.mark.parametrize("response", ["", "%%%", base64.b64encode(b"<x/>").decode(), "QQ==" * 400_000])
    async def test_what_is_no_response(self, server: TestServer, response: str) -> None:
        at, _ = await corp(server)
        left = await at.depart()
        assert (await nobody(at, {"SAMLResponse": response, "RelayState": "state-1"}, left.kept)).startswith(FAILED)

    async def test_another_callback(self, server: TestServer) -> None:
        """The recipient is the address at which the browser arrived."""
        at, idp = await corp(server)
        left = await at.depart()
        assert (await nobody(at, idp.sign_in(left.url), left.kept, "https://other.example.com/")).startswith(FAILED)

    async def test_a_provider_of_another_pool(self, server: TestServer) -> None:
        """Even of one with the same keys: the audience is this pool."""
        at, idp = await corp(server)
        other, _ = await corp(server)
        left = await other.depart()
        assert await nobody(other, idp.sign_in(left.url), left.kept) == FAILED + "the assertion is for another audience."
        assert at.pool_id != other.pool_id

    async def test_linked_by_an_attribute(self, server: TestServer) -> None:
        """As AWS's guide has it: by email, with several providers."""
        at, idp = await corp(server)
        sub = await server.user(at.pool_id, "carlos")
        await server.call(
            "AdminLinkProviderForUser",
            UserPoolId=at.pool_id,
            DestinationUser={"ProviderName": "Cognito", "ProviderAttributeValue": "carlos"},
            SourceUser={"ProviderName": "Corp", "ProviderAttributeName": "email", "ProviderAttributeValue": "kim@example.com"},
        )
        assert (await at.go(idp.sign_in)).sub == sub
        (identity,) = json.loads((await at.shown("carlos"))["identities"])
        assert (identity["userId"], identity["issuer"], identity["primary"]) == ("kim", ENTITY, False)


class TestMetadata:
    async def test_keys_that_were_changed(self, server: TestServer) -> None:
        """Metadata at an address are read again after six hours; what they said before counts until then, and while they cannot be read."""
        with Host() as host:
            idp = Idp(attributes={MAIL: ["kim@example.com"]})
            host.answers["/metadata"] = Raw(200, idp.metadata().encode())
            at = await door(server, "Corp", "SAML", {"MetadataURL": f"{host.url}/metadata"}, callback=ACS, mapping=MAPPING)
            idp.audience, idp.now = f"urn:amazon:cognito:sp:{at.pool_id}", server.clock.now()
            assert (await at.go(idp.sign_in)).username == "Corp_kim"
            renewed = Provider(name="renewed")
            host.answers["/metadata"] = Raw(200, renewed.metadata().encode())
            await at.go(idp.sign_in)
            server.clock.advance(6 * 3600 + 1)
            idp.now = server.clock.now()
            host.answers["/metadata"] = Raw(503, b"")
            await at.go(idp.sign_in)
            host.answers["/metadata"] = Raw(200, renewed.metadata().encode())
            server.clock.advance(301)
            idp.now = server.clock.now()
            with pytest.raises(FederationError, match="by none of the provider's keys"):
                await at.go(idp.sign_in)
            idp.key = renewed.key
            await at.go(idp.sign_in)

    async def test_metadata_that_end(self, server: TestServer) -> None:
        """Are read again when they do; a provider that does not answer then is asked every five minutes, not by each sign-in."""
        with Host() as host:
            idp = Idp(attributes={MAIL: ["kim@example.com"]})
            host.answers["/metadata"] = Raw(200, idp.metadata(stamp(server.clock.now() + 3600)).encode())
            at = await door(server, "Corp", "SAML", {"MetadataURL": f"{host.url}/metadata"}, callback=ACS, mapping=MAPPING)
            host.answers["/metadata"] = Raw(503, b"")
            asked = []
            for seconds in (0, 3500, 200, 1, 301):
                server.clock.advance(seconds)
                await at.depart()
                asked.append(len(host.asked) - 1)
            assert asked == [0, 0, 1, 1, 2]

    async def test_what_is_no_metadata(self, server: TestServer) -> None:
        """An address that answers something else, too much, or nothing."""
        pool = await server.pool()
        with Host() as host:
            host.answers |= {"/html": Raw(200, b"<html/>"), "/large": Raw(200, b"<x>" + b" " * 5_000_000)}
            for path in ("/html", "/large", "/none"):
                with pytest.raises(Exception, match="The provider's metadata cannot be used"):
                    await server.call(
                        "CreateIdentityProvider",
                        UserPoolId=pool,
                        ProviderName="Corp",
                        ProviderType="SAML",
                        ProviderDetails={"MetadataURL": f"{host.url}{path}"},
                    )
