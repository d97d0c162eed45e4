"""The classic pages' CSS and logo: what is taken, what is refused, whose it is."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any

import pytest

from tests.kit.pictures import JPEG, PNG
from tests.kit.refusal import refusal
from tests.kit.server import TestServer

INVALID = "InvalidParameterException"
RULE = ".submitButton-customizable { background-color: #ff0000; border-radius: 4px }"
# What AWS's own template is made of.
TEMPLATE = """
/* The look of our pages: it's "red", isn't it; {a} */
.logo-customizable { max-width: 60%; max-height: 30%; }
.banner-customizable { padding: 25px 0px 25px 0px; background-color: lightgray; }
.label-customizable, .textDescription-customizable { font-weight: 400; font-family: "Helvetica Neue", 'Arial', sans-serif }
.submitButton-customizable:hover { color: #fff; background: linear-gradient(90deg, rgb(1, 2, 3), rgba(4, 5, 6, .5)) !important; }
.inputField-customizable:focus { border-color: #66afe9; outline: 0; width: calc(100% - (2 * 3px)) }
.passwordCheck-notValid-customizable { color: #DF3312; font-family: "a;}/*{b", 'it"s' /* "x */ }
.background-customizable {}
"""


async def pool_with_domain(server: TestServer) -> str:
    pool = await server.pool()
    await server.call("CreateUserPoolDomain", UserPoolId=pool, Domain=pool.rpartition("_")[2].lower() + "x")
    return pool


async def put(server: TestServer, pool: str, **members: Any) -> Any:
    return (await server.call("SetUICustomization", UserPoolId=pool, **members))["UICustomization"]


async def got(server: TestServer, pool: str, **members: Any) -> Any:
    return (await server.call("GetUICustomization", UserPoolId=pool, **members))["UICustomization"]


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


class TestSetUICustomization:
    async def test_answers_what_is_kept(self, server: TestServer) -> None:
        """The image by an address of this server; the version is the moment."""
        pool, now = await pool_with_domain(server), server.clock.now()
        shown = await put(server, pool, CSS=RULE, ImageFile=encoded(PNG))
        address = shown.pop("ImageUrl")
        assert address.startswith(f"http://localhost:2646/{pool}/branding/")
        assert shown == {
            "UserPoolId": pool,
            "ClientId": "ALL",
            "CSS": RULE,
            "CSSVersion": time.strftime("%Y%m%d%H%M%S", time.gmtime(now)),
            "LastModifiedDate": now,
            "CreationDate": now,
        }
        assert await got(server, pool) == {**shown, "ImageUrl": address}
        kept = await server.store.branding.asset(pool, address.rpartition("/")[2])
        assert (kept.extension, kept.content) == ("PNG", PNG)

    async def test_a_clients_own_stands_instead(self, server: TestServer) -> None:
        """As a whole; other clients have the pool's."""
        pool = await pool_with_domain(server)
        own, other = await server.client(pool), await server.client(pool)
        assert await got(server, pool, ClientId=own) == {}
        await put(server, pool, CSS=RULE, ImageFile=encoded(PNG))
        await put(server, pool, ClientId=own, CSS=".label-customizable {}")
        found = await got(server, pool, ClientId=own)
        assert (found["ClientId"], found["CSS"], found.get("ImageUrl")) == (own, ".label-customizable {}", None)
        assert (await got(server, pool, ClientId=other))["ClientId"] == "ALL"
        look = await server.store.branding.for_client(pool, own)
        assert look.customization.css == ".label-customizable {}"
        await put(server, pool, ClientId=own)
        assert (await got(server, pool, ClientId=own))["CSS"] == RULE

    async def test_both_are_replaced_together(self, server: TestServer) -> None:
        """ "You can't set CSS and logo customization separately". The bytes that nothing names any more are gone."""
        pool = await pool_with_domain(server)
        first = (await put(server, pool, ImageFile=encoded(PNG)))["ImageUrl"].rpartition("/")[2]
        created = (await got(server, pool))["CreationDate"]
        server.clock.advance(60)
        second = (await put(server, pool, ImageFile=encoded(JPEG)))["ImageUrl"].rpartition("/")[2]
        assert second != first and await server.store.branding.asset(pool, first) is None
        shown = await put(server, pool, CSS=RULE)
        assert ("ImageUrl" in shown, shown["CreationDate"]) == (False, created)
        assert await server.store.branding.asset(pool, second) is None
        await put(server, pool)
        assert await got(server, pool) == {}

    async def test_needs_a_domain(self, server: TestServer) -> None:
        expected = (INVALID, "There has to be an existing domain associated with this user pool")
        assert await refusal(server, "SetUICustomization", UserPoolId=await server.pool(), CSS=RULE) == expected

    async def test_another_pools_client(self, server: TestServer) -> None:
        """Is none here, and another pool's image is not this one's."""
        pool, other = await pool_with_domain(server), await pool_with_domain(server)
        client = await server.client(other)
        for operation in ("SetUICustomization", "GetUICustomization"):
            expected = ("ResourceNotFoundException", f"User pool client {client} does not exist.")
            assert await refusal(server, operation, UserPoolId=pool, ClientId=client) == expected
        image = (await put(server, other, ImageFile=encoded(PNG)))["ImageUrl"].rpartition("/")[2]
        assert await server.store.branding.asset(pool, image) is None

    async def test_goes_with_its_client(self, server: TestServer) -> None:
        pool = await pool_with_domain(server)
        client = await server.client(pool)
        image = (await put(server, pool, ClientId=client, ImageFile=encoded(PNG)))["ImageUrl"].rpartition("/")[2]
        await server.call("DeleteUserPoolClient", UserPoolId=pool, ClientId=client)
        assert await server.store.branding.asset(pool, image) is None
        assert await server.store.branding.customization(pool, client) is None

    async def test_many_at_once(self, server: TestServer) -> None:
        """One of them is there afterwards, with its own image and no other."""
        pool = await pool_with_domain(server)
        files = [PNG + bytes(n) for n in range(5)]
        await asyncio.gather(*(put(server, pool, ImageFile=encoded(file)) for file in files))
        images = await server.store.branding.images(pool, "ALL")
        assert [(await got(server, pool))["ImageUrl"].rpartition("/")[2]] == list(images)


class TestCss:
    @pytest.mark.parametrize(
        "css", [TEMPLATE, "", "/**/", ".label-customizable { font-family: '} body { color: red' }", ".label-customizable{}" * 6000]
    )
    async def test_what_is_taken(self, server: TestServer, css: str) -> None:
        pool = await pool_with_domain(server)
        assert (await put(server, pool, CSS=css, ImageFile=encoded(PNG))).get("CSS", "") == css

    @pytest.mark.parametrize(
        "css",
        [
            "</style><script>alert(1)</script>",
            ".label-customizable { color: red } </style>",
            "/* </style> */",
            "@import 'https://evil.example/x.css';",
            "@import/**/url(//evil.example);",
            "@media screen { .label-customizable { color: red } }",
            "@font-face { font-family: x }",
            "@charset 'utf-7';",
            ".label-customizable { background: url(https://evil.example/?) }",
            ".label-customizable { background: u/**/rl(//evil.example) }",
            ".label-customizable { background: URL ('//evil.example') }",
            ".label-customizable { font-family: '/*' } body { display: none } .label-customizable { font-family: '*/' }",
            ".label-customizable { font-family: 'a\n' } body { display: none } .label-customizable { font-family: '\n' }",
            ".label-customizable { font-family: 'a\f} body { color: red } .label-customizable { font-family: '}",
            ".label-customizable { /* ' */ color: red } body { color: red } .label-customizable { /* ' */ }",
            "'' .label-customizable {}",
            ".label-customizable'' {}",
            ".label-customizable/**/.x {}",
            ".submitButton-customizable/**/:hover {}",
            ".label-customizable { background: -webkit-image-set('//evil.example' 1x) }",
            ".label-customizable { background: --x('//evil.example') }",
            ".label-customizable { background: image-set('//evil.example' 1x) }",
            ".label-customizable { background: u\\72l(//evil.example) }",
            ".label-customizable { width: expression(alert(1)) }",
            ".label-customizable { behavior: url(#default#time2) }",
            ".label-customizable { color: var(--x) }",
            ".label-customizable { --x: y }",
            ".label-customizable { color: red; } body { display: none }",
            "body { color: red }",
            "* {}",
            "input[value^=a] { color: red }",
            ".label-customizable input {}",
            ".label-customizable:has(input) {}",
            ".label-customizable:hover {}",
            ".submitButton-customizable:focus {}",
            ".unknown-customizable {}",
            ".label-customizable { color: red",
            ".label-customizable { color: red }}",
            ".label-customizable { color: 'red }",
            ".label-customizable { color: (red }",
            ".label-customizable { color: red) }",
            ".label-customizable { color }",
            ".label-customizable { { } }",
            ".label-customizable",
            "/* without an end",
            "{}",
            ", .label-customizable {}",
            "\ufeff.label-customizable {}",
            "." + "a" * 131_072,
        ],
    )
    async def test_what_is_refused(self, server: TestServer, css: str) -> None:
        """Everything that leaves its place, fetches, runs, or is no CSS of the classic pages; nothing is kept."""
        pool = await pool_with_domain(server)
        code, text = await refusal(server, "SetUICustomization", UserPoolId=pool, CSS=css)
        assert (code, len(text) < 1000 or css.startswith(".aaa"), await got(server, pool)) == (INVALID, True, {})

    @pytest.mark.parametrize("piece", ["/*", "(", "a", " ", "'", '"', "{", "}", ".label-customizable,", "url", ";", "a:", "/**/", "-a"])
    async def test_hostile_ones_take_no_time(self, server: TestServer, piece: str) -> None:
        """The largest that come in, of pieces that make patterns look again and again."""
        pool = await pool_with_domain(server)
        for before, after in (("", ""), (".label-customizable { color: ", "}"), (".label-customizable {", "}")):
            count = (131_072 - len(before) - len(after)) // len(piece)
            begin = time.perf_counter()
            await refusal_or_none(server, pool, before + piece * count + after)
            assert time.perf_counter() - begin < 2.0


async def refusal_or_none(server: TestServer, pool: str, css: str) -> None:
    reply = await server.raw("SetUICustomization", json.dumps({"UserPoolId": pool, "CSS": css}).encode())
    assert reply.status in (200, 400)


class TestImages:
    @pytest.mark.parametrize(
        "content",
        [
            b"GIF89a" + bytes(100),
            b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
            b"<html>",
            PNG[:40],
            PNG[:16] + bytes(8) + PNG[24:],
            JPEG[:20],
            b"\x89PNG\r\n\x1a\n<script>alert(1)</script>",
            b"x",
        ],
    )
    async def test_no_image(self, server: TestServer, content: bytes) -> None:
        pool = await pool_with_domain(server)
        expected = (INVALID, "The logo image must be a PNG or JPEG file.")
        assert await refusal(server, "SetUICustomization", UserPoolId=pool, CSS=RULE, ImageFile=encoded(content)) == expected
        assert await got(server, pool) == {}

    @pytest.mark.parametrize(("size", "taken"), [(100 * 1024, True), (100 * 1024 + 1, False), (131_073, False)])
    async def test_sizes(self, server: TestServer, size: int, taken: bool) -> None:
        """AWS's page says 100 KB."""
        pool = await pool_with_domain(server)
        content = encoded(PNG + bytes(size - len(PNG)))
        if taken:
            assert "ImageUrl" in await put(server, pool, ImageFile=content)
        else:
            assert (await refusal(server, "SetUICustomization", UserPoolId=pool, ImageFile=content))[0] == INVALID
