"""Managed login styles: settings by their structure, images that hold nothing that runs, one style for a client."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from typing import Any

import pytest

from tests.kit.pictures import ICO, JPEG, PNG, SVG, WEBP
from tests.kit.refusal import refusal
from tests.kit.server import AwsError, TestServer

INVALID, MISSING = "InvalidParameterException", "ResourceNotFoundException"
NO_STYLE = (MISSING, "Managed login branding not found.")
NOBODY = "11111111-2222-4333-8444-555555555555"
SETTINGS = {
    "categories": {"global": {"colorSchemeMode": "LIGHT"}, "auth": {"federation": {"order": ["Corp", "My IdP"]}}},
    "components": {"primaryButton": {"lightMode": {"defaults": {"backgroundColor": "ff0000ff"}}}},
}


def asset(content: bytes | None, extension: str = "PNG", category: str = "FORM_LOGO", mode: str = "LIGHT", **more: str) -> dict[str, str]:
    given = {} if content is None else {"Bytes": base64.b64encode(content).decode()}
    return {"Category": category, "ColorMode": mode, "Extension": extension, **given, **more}


async def placed(server: TestServer) -> dict[str, Any]:
    """A pool and a client of it, as operations name them."""
    pool = await server.pool()
    return {"UserPoolId": pool, "ClientId": await server.client(pool)}


async def made(server: TestServer, place: dict[str, Any], **members: Any) -> Any:
    return (await server.call("CreateManagedLoginBranding", **place, **members))["ManagedLoginBranding"]


async def described(server: TestServer, place: dict[str, Any], *, merged: bool = False) -> Any:
    return (await server.call("DescribeManagedLoginBrandingByClient", **place, ReturnMergedResources=merged))["ManagedLoginBranding"]


async def updated(server: TestServer, style: Any, **members: Any) -> Any:
    named = {"UserPoolId": style["UserPoolId"], "ManagedLoginBrandingId": style["ManagedLoginBrandingId"]}
    return (await server.call("UpdateManagedLoginBranding", **named, **members))["ManagedLoginBranding"]


class TestCreate:
    async def test_answers_what_is_kept(self, server: TestServer) -> None:
        place, now = await placed(server), server.clock.now()
        assets = [asset(PNG), asset(SVG, "SVG", "PAGE_BACKGROUND", "DYNAMIC")]
        style = await made(server, place, Settings=SETTINGS, Assets=assets)
        branding_id = style.pop("ManagedLoginBrandingId")
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", branding_id)
        expected = {
            "UserPoolId": place["UserPoolId"],
            "UseCognitoProvidedValues": False,
            "Settings": SETTINGS,
            "Assets": assets,
            "CreationDate": now,
            "LastModifiedDate": now,
        }
        assert style == expected
        by_id = await server.call("DescribeManagedLoginBranding", UserPoolId=place["UserPoolId"], ManagedLoginBrandingId=branding_id)
        assert by_id["ManagedLoginBranding"] == await described(server, place) == {**expected, "ManagedLoginBrandingId": branding_id}

    async def test_provided_values(self, server: TestServer) -> None:
        """The server's own look, which the merged answer shows; nothing may be given beside it."""
        place = await placed(server)
        beside: list[dict[str, Any]] = [{"Settings": {}}, {"Settings": SETTINGS}, {"Assets": [asset(PNG)]}]
        for members in beside:
            code, _ = await refusal(server, "CreateManagedLoginBranding", **place, UseCognitoProvidedValues=True, **members)
            assert code == INVALID
        style = await made(server, place, UseCognitoProvidedValues=True)
        assert style.keys() == {"ManagedLoginBrandingId", "UserPoolId", "UseCognitoProvidedValues", "CreationDate", "LastModifiedDate"}
        merged = (await described(server, place, merged=True))["Settings"]
        assert merged["categories"]["global"]["colorSchemeMode"] == "DYNAMIC"

    async def test_the_merged_document_is_a_document(self, server: TestServer) -> None:
        """ "As a best practice, modify the output of DescribeManagedLoginBrandingByClient into the request": it is taken as it is."""
        place = await placed(server)
        style = await made(server, place, Settings=SETTINGS)
        merged = (await described(server, place, merged=True))["Settings"]
        assert merged["components"]["primaryButton"]["lightMode"]["defaults"]["backgroundColor"] == "ff0000ff"
        assert merged["components"]["primaryButton"]["darkMode"] and merged["categories"]["form"]
        assert (await updated(server, style, Settings=merged))["Settings"] == merged

    async def test_a_client_has_one(self, server: TestServer) -> None:
        place = await placed(server)
        await made(server, place, Settings=SETTINGS)
        text = f"Managed login branding already exists for the client {place['ClientId']}."
        assert await refusal(server, "CreateManagedLoginBranding", **place) == ("ManagedLoginBrandingExistsException", text)
        assert (await described(server, place))["Settings"] == SETTINGS

    async def test_of_many_at_once_one_wins(self, server: TestServer) -> None:
        """And only its images are kept."""
        place = await placed(server)
        answers = await asyncio.gather(*(made(server, place, Assets=[asset(PNG + bytes(n))]) for n in range(5)), return_exceptions=True)
        (winner,) = [answer for answer in answers if not isinstance(answer, AwsError)]
        assert winner == await described(server, place)
        row = await server.store.engine.row("SELECT count(*) FROM branding_images WHERE pool_id = $1", place["UserPoolId"])
        assert row[0] == 1

    async def test_another_pools_client(self, server: TestServer) -> None:
        place, other = await placed(server), await placed(server)
        await made(server, other)
        mixed = {"UserPoolId": place["UserPoolId"], "ClientId": other["ClientId"]}
        expected = (MISSING, f"User pool client {other['ClientId']} does not exist.")
        for operation in ("CreateManagedLoginBranding", "DescribeManagedLoginBrandingByClient"):
            assert await refusal(server, operation, **mixed) == expected


class TestSettings:
    @pytest.mark.parametrize(
        "document",
        [
            {},
            {"components": {"idpButton": {"custom": {"My IdP": {"lightMode": {"hover": {"textColor": "00000000"}}}}}}},
            {"components": {"pageBackground": {"lightMode": {"color": "FFEEDD"}}}},
            {"componentClasses": {"buttons": {"borderRadius": 8.5}}},
            {"categories": {"auth": {"authMethodOrder": [[{"display": "BUTTON", "type": "FEDERATED"}], []]}}},
        ],
    )
    async def test_what_is_taken(self, server: TestServer, document: dict[str, Any]) -> None:
        assert (await made(server, await placed(server), Settings=document))["Settings"] == document

    @pytest.mark.parametrize(
        "document",
        [
            [],
            "red",
            5,
            {"colours": {}},
            {"components": {"primaryButton": {"lightMode": {"defaults": {"color": "ff0000ff"}}}}},
            {"components": {"primaryButton": []}},
            {"components": {"pageBackground": {"lightMode": {"color": "red"}}}},
            {"components": {"pageBackground": {"lightMode": {"color": "#ff0000ff"}}}},
            {"components": {"pageBackground": {"lightMode": {"color": "ff0000f"}}}},
            {"components": {"pageBackground": {"lightMode": {"color": "ff0000ff\n"}}}},
            {"components": {"pageBackground": {"lightMode": {"color": "}</style>"}}}},
            {"components": {"pageBackground": {"lightMode": {"color": None}}}},
            {"components": {"pageBackground": {"image": {"enabled": "true"}}}},
            {"componentClasses": {"buttons": {"borderRadius": "8px"}}},
            {"componentClasses": {"buttons": {"borderRadius": True}}},
            {"componentClasses": {"buttons": {"borderRadius": -1}}},
            {"componentClasses": {"buttons": {"borderRadius": 1e308}}},
            {"categories": {"global": {"colorSchemeMode": "PINK"}}},
            {"categories": {"global": {"spacingDensity": "<b>"}}},
            {"categories": {"auth": {"federation": {"order": ["a"] * 301}}}},
            {"categories": {"auth": {"federation": {"order": ["<script>"]}}}},
            {"components": {"idpButton": {"custom": {"<b>": {}}}}},
            {"components": {"idpButton": {"custom": {f"p{n}": {} for n in range(301)}}}},
            {"components": {"a" * 10_000: {}}},
        ],
    )
    async def test_what_is_refused(self, server: TestServer, document: Any) -> None:
        """Members and values that the structure does not know; the text stays short."""
        place = await placed(server)
        code, text = await refusal(server, "CreateManagedLoginBranding", **place, Settings=document)
        assert (code, text[:17], len(text) < 300) == (INVALID, "Invalid settings:", True)
        assert await refusal(server, "DescribeManagedLoginBrandingByClient", **place) == NO_STYLE

    async def test_nested_for_ever(self, server: TestServer) -> None:
        place = await placed(server)
        body = json.dumps(place)[:-1] + ', "Settings": ' + '{"components": ' * 50_000 + "{}" + "}" * 50_000 + "}"
        reply = await server.raw("CreateManagedLoginBranding", body.encode())
        assert reply.status == 400


class TestUpdate:
    async def test_what_is_not_named_stays(self, server: TestServer) -> None:
        """A style larger than a request is sent in parts: members beside members, images beside images."""
        place = await placed(server)
        style = await made(server, place, Settings=SETTINGS, Assets=[asset(PNG)])
        server.clock.advance(60)
        more = {"components": {"primaryButton": {"darkMode": {"defaults": {"backgroundColor": "00ff00ff"}}}}}
        after = await updated(server, style, Settings=more, Assets=[asset(JPEG, "JPEG", mode="DARK")])
        button = {"lightMode": {"defaults": {"backgroundColor": "ff0000ff"}}, "darkMode": {"defaults": {"backgroundColor": "00ff00ff"}}}
        assert after["Settings"] == {**SETTINGS, "components": {"primaryButton": button}}
        assert after["Assets"] == [asset(PNG), asset(JPEG, "JPEG", mode="DARK")]
        assert (after["CreationDate"], after["LastModifiedDate"]) == (style["CreationDate"], style["LastModifiedDate"] + 60)
        assert await described(server, place) == after
        assert await updated(server, style, Assets=[asset(None)]) == {**after, "LastModifiedDate": server.clock.now()}

    async def test_parts_that_together_are_too_much(self, server: TestServer) -> None:
        """The bounds are the document's, not the request's."""
        place = await placed(server)
        parts: list[dict[str, Any]] = [
            {"components": {"idpButton": {"custom": {f"p{n}": {} for n in range(at, at + 200)}}}} for at in (0, 200)
        ]
        style = await made(server, place, Settings=parts[0])
        named = {"UserPoolId": place["UserPoolId"], "ManagedLoginBrandingId": style["ManagedLoginBrandingId"]}
        expected = (INVALID, "Invalid settings: settings.components.idpButton.custom must be an object of at most 300 members.")
        assert await refusal(server, "UpdateManagedLoginBranding", **named, Settings=parts[1]) == expected
        assert (await described(server, place))["Settings"] == parts[0]

    async def test_an_image_in_the_place_of_another(self, server: TestServer) -> None:
        """The old bytes are gone, and have not changed under their address."""
        place = await placed(server)
        style = await made(server, place, Assets=[asset(PNG), asset(PNG, category="IDP_BUTTON_ICON", ResourceId="Corp")])
        pool = place["UserPoolId"]
        before = await server.store.branding.images(pool, style["ManagedLoginBrandingId"])
        after = await updated(server, style, Assets=[asset(WEBP, "WEBP")])
        assert [(each["Category"], each["Extension"]) for each in after["Assets"]] == [("FORM_LOGO", "WEBP"), ("IDP_BUTTON_ICON", "PNG")]
        now = await server.store.branding.images(pool, style["ManagedLoginBrandingId"])
        assert sorted(now.values()) == sorted([PNG, WEBP])
        assert len(set(before) & set(now)) == 1

    async def test_back_to_provided_values(self, server: TestServer) -> None:
        place = await placed(server)
        style = await made(server, place, Settings=SETTINGS, Assets=[asset(PNG)])
        after = await updated(server, style, UseCognitoProvidedValues=True)
        assert (after["UseCognitoProvidedValues"], "Settings" in after, "Assets" in after) == (True, False, False)
        assert await server.store.branding.images(place["UserPoolId"], style["ManagedLoginBrandingId"]) == {}
        assert (await updated(server, style, Settings=SETTINGS))["UseCognitoProvidedValues"] is False

    async def test_many_at_once(self, server: TestServer) -> None:
        """Each part is there afterwards."""
        place = await placed(server)
        style = await made(server, place)
        modes = ("LIGHT", "DARK", "DYNAMIC")
        await asyncio.gather(*(updated(server, style, Assets=[asset(PNG, mode=mode)]) for mode in modes))
        after = await described(server, place)
        assert sorted(each["ColorMode"] for each in after["Assets"]) == sorted(modes)
        assert {each["Bytes"] for each in after["Assets"]} == {asset(PNG)["Bytes"]}

    async def test_another_pools(self, server: TestServer) -> None:
        """By an id that is right elsewhere nothing is found, changed or removed."""
        place, other = await placed(server), await placed(server)
        style = await made(server, other, Settings=SETTINGS)
        named = {"UserPoolId": place["UserPoolId"], "ManagedLoginBrandingId": style["ManagedLoginBrandingId"]}
        for operation in ("DescribeManagedLoginBranding", "UpdateManagedLoginBranding", "DeleteManagedLoginBranding"):
            assert await refusal(server, operation, **named) == NO_STYLE
            assert await refusal(server, operation, **{**named, "ManagedLoginBrandingId": NOBODY}) == NO_STYLE
        assert (await refusal(server, "UpdateManagedLoginBranding", Settings={}))[0] == INVALID
        assert await described(server, other) == style


class TestDelete:
    async def test_is_gone_with_its_images(self, server: TestServer) -> None:
        place = await placed(server)
        style = await made(server, place, Assets=[asset(PNG)])
        named = {"UserPoolId": place["UserPoolId"], "ManagedLoginBrandingId": style["ManagedLoginBrandingId"]}
        await server.call("DeleteManagedLoginBranding", **named)
        assert await refusal(server, "DescribeManagedLoginBranding", **named) == NO_STYLE
        assert await server.store.branding.images(place["UserPoolId"], style["ManagedLoginBrandingId"]) == {}
        await made(server, place)

    async def test_goes_with_its_client(self, server: TestServer) -> None:
        place = await placed(server)
        style = await made(server, place, Assets=[asset(PNG)])
        await server.call("DeleteUserPoolClient", **place)
        named = {"UserPoolId": place["UserPoolId"], "ManagedLoginBrandingId": style["ManagedLoginBrandingId"]}
        assert await refusal(server, "DescribeManagedLoginBranding", **named) == NO_STYLE
        assert await server.store.branding.images(place["UserPoolId"], style["ManagedLoginBrandingId"]) == {}


RDF = 'xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
XLINK = 'xmlns:xlink="http://www.w3.org/1999/xlink"'


def svg(inner: str, attributes: str = "") -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg" {XLINK} {attributes}>{inner}</svg>'.encode()


class TestAssets:
    @pytest.mark.parametrize(
        ("content", "extension", "category"),
        [
            (PNG, "PNG", "FORM_LOGO"),
            (JPEG, "JPEG", "PAGE_BACKGROUND"),
            (WEBP, "WEBP", "PAGE_BACKGROUND"),
            (ICO, "ICO", "FAVICON_ICO"),
            (SVG, "SVG", "FAVICON_SVG"),
            (PNG + bytes(999_000 - len(PNG)), "PNG", "PAGE_BACKGROUND"),
            (svg(f"<metadata><r:RDF {RDF}><r:Description about=''/></r:RDF></metadata>"), "SVG", "FORM_LOGO"),
            (svg("", 'xmlns:e="urn:editor" e:note="C:\\\\x@y"'), "SVG", "FORM_LOGO"),
        ],
    )
    async def test_what_is_taken(self, server: TestServer, content: bytes, extension: str, category: str) -> None:
        """Of AWS's kinds, up to a million bytes; the bytes come back as they were."""
        place, given = await placed(server), asset(content, extension, category)
        await made(server, place, Assets=[given])
        assert (await described(server, place))["Assets"] == [given]

    @pytest.mark.parametrize(
        "content",
        [
            svg("<script>alert(1)</script>"),
            svg("<SCRIPT>alert(1)</SCRIPT>"),
            svg("", 'onload="alert(1)"'),
            svg("", 'ONLOAD="alert(1)"'),
            svg('<a href="javascript:alert(1)"><text>x</text></a>'),
            svg('<a xlink:href="https://evil.example/"><text>x</text></a>'),
            svg('<image href="https://evil.example/a.png"/>'),
            svg('<image href="data:image/svg+xml;base64,AAAA"/>'),
            svg('<image href="data:text/html,x"/>'),
            svg('<use xlink:href="https://evil.example/a.svg#x"/>'),
            svg('<use href="//evil.example/a.svg#x"/>'),
            svg('<set attributeName="href" to="javascript:alert(1)"/>'),
            svg('<animate attributeName="href" values="javascript:alert(1)"/>'),
            svg("<foreignObject><body xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></body></foreignObject>"),
            svg('<html:script xmlns:html="http://www.w3.org/1999/xhtml">alert(1)</html:script>'),
            svg('<metadata><script xmlns="http://www.w3.org/1999/xhtml">alert(1)</script></metadata>'),
            svg('<title><x:img xmlns:x="http://www.w3.org/1999/xhtml" src="x" onerror="alert(1)"/></title>'),
            svg('<metadata><x:any xmlns:x="urn:any"/></metadata>'),
            svg('<script xmlns=""/>'),
            svg("<style>@import 'https://evil.example/x.css';</style>"),
            svg("<style>rect { fill: url(https://evil.example/) }</style>"),
            svg("<style>rect { fill: url( 'https://evil.example/') }</style>"),
            svg("<style>rect { mask-image: image-set('https://evil.example/' 1x) }</style>"),
            svg("<style>rect { cursor: src('https://evil.example/') }</style>"),
            svg("<style>a<!-- -->@import url(x)</style>"),
            svg("<style><![CDATA[ @import 'x'; ]]></style>"),
            svg('<rect style="fill: url(//evil.example/)"/>'),
            svg('<rect fill="url(https://evil.example/#a)"/>'),
            svg('<rect fill="u\\72l(//evil.example/)"/>'),
            svg('<use href="#a"/>', 'xml:base="https://evil.example/"'),
            b'<?xml-stylesheet href="https://evil.example/x.css"?>' + svg(""),
            b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + svg("<text>&x;</text>"),
            b'<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + svg("<text>&b;</text>"),
            svg("<g>" * 100 + "</g>" * 100),
            svg("<g " + " ".join(f"a{n}=''" for n in range(90_000)) + "/>"),
            svg("<g>"),
            b"<svg/>",
            b"<html><script>alert(1)</script></html>",
            "<?xml version='1.0' encoding='utf-16'?><svg xmlns='http://www.w3.org/2000/svg'/>".encode("utf-16"),
            b"",
            PNG,
        ],
    )
    async def test_svg_that_could_run_or_fetch(self, server: TestServer, content: bytes) -> None:
        place = await placed(server)
        code, text = await refusal(server, "CreateManagedLoginBranding", **place, Assets=[asset(content, "SVG")])
        assert (code, text[:31]) == (INVALID, "The asset FORM_LOGO cannot be u")
        assert await refusal(server, "DescribeManagedLoginBrandingByClient", **place) == NO_STYLE

    @pytest.mark.parametrize(
        "assets",
        [
            [asset(PNG, "JPEG")],
            [asset(SVG, "PNG")],
            [asset(b"<script>", "PNG")],
            [asset(ICO[:20], "ICO", "FAVICON_ICO")],
            [asset(ICO[:14] + b"\xff\xff\xff\xff" + ICO[18:], "ICO", "FAVICON_ICO")],
            [asset(WEBP[:12], "WEBP")],
            [asset(PNG, category="FAVICON_ICO")],
            [asset(PNG, category="FAVICON_SVG")],
            [asset(PNG, category="ANYTHING")],
            [asset(PNG, mode="PINK")],
            [asset(PNG, "GIF")],
            [asset(None)],
            [asset(PNG), asset(JPEG, "JPEG")],
            [asset(PNG, ResourceId="<b>")],
            [asset(PNG, category="IDP_BUTTON_ICON", ResourceId=f"r{n}") for n in range(41)],
            [asset(PNG + bytes(1_000_001 - len(PNG)))],
        ],
    )
    async def test_what_is_refused(self, server: TestServer, assets: list[dict[str, str]]) -> None:
        """Images that are something else, two in one place, more than forty, none at all."""
        place = await placed(server)
        assert (await refusal(server, "CreateManagedLoginBranding", **place, Assets=assets))[0] == INVALID

    async def test_forty_in_parts(self, server: TestServer) -> None:
        """The limit is the style's, not the request's."""
        place = await placed(server)
        parts = [[asset(PNG, category="IDP_BUTTON_ICON", ResourceId=f"r{n}") for n in range(at, at + 20)] for at in (0, 20, 40)]
        style = await made(server, place, Assets=parts[0])
        assert len((await updated(server, style, Assets=parts[1]))["Assets"]) == 40
        named = {"UserPoolId": place["UserPoolId"], "ManagedLoginBrandingId": style["ManagedLoginBrandingId"]}
        code, text = await refusal(server, "UpdateManagedLoginBranding", **named, Assets=parts[2])
        assert (code, text) == (INVALID, "A branding style has at most 40 assets.")
        assert len((await described(server, place))["Assets"]) == 40

    async def test_two_megabytes_at_the_most(self, server: TestServer) -> None:
        """More than other operations take, as AWS says; no more than that."""
        place = await placed(server)
        big = base64.b64encode(PNG + bytes(700_000)).decode()
        body = json.dumps({**place, "Assets": [{**asset(None, mode=mode), "Bytes": big} for mode in ("LIGHT", "DARK")]}).encode()
        assert (await server.raw("CreateManagedLoginBranding", body)).status == 200
        assert (await server.raw("CreateManagedLoginBranding", body + b" " * (2 << 20))).status == 413
        assert (await server.raw("CreateTerms", body)).status == 413
