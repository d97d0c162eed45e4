"""Terms documents of clients."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.kit.refusal import all_pages, refusal
from tests.kit.server import AwsError, TestServer

INVALID, MISSING, EXISTS = "InvalidParameterException", "ResourceNotFoundException", "TermsExistsException"
NO_TERMS = (MISSING, "Terms not found.")
LINKS = {"cognito:default": "https://example.com/terms", "cognito:french": "https://example.com/fr/terms"}
FIXED = {"TermsSource": "LINK", "Enforcement": "NONE"}


async def placed(server: TestServer) -> dict[str, Any]:
    pool = await server.pool()
    return {"UserPoolId": pool, "ClientId": await server.client(pool)}


async def made(server: TestServer, place: dict[str, Any], name: str = "terms-of-use", **members: Any) -> Any:
    return (await server.call("CreateTerms", **{**place, "TermsName": name, "Links": LINKS, **FIXED, **members}))["Terms"]


class TestCreateTerms:
    async def test_answers_what_is_kept(self, server: TestServer) -> None:
        place, now = await placed(server), server.clock.now()
        terms = await made(server, place)
        named = {"UserPoolId": place["UserPoolId"], "TermsId": terms["TermsId"]}
        expected = {**place, **named, **FIXED, "TermsName": "terms-of-use", "Links": LINKS, "CreationDate": now, "LastModifiedDate": now}
        assert terms == expected
        assert await server.call("DescribeTerms", **named) == {"Terms": expected}
        assert await server.call("DescribeTermsByClient", **place, TermsName="terms-of-use") == {"Terms": expected}
        assert await refusal(server, "DescribeTermsByClient", **place, TermsName="privacy-policy") == NO_TERMS

    async def test_a_client_has_one_of_each(self, server: TestServer) -> None:
        """The pages read both by the client."""
        place = await placed(server)
        await made(server, place)
        await made(server, place, "privacy-policy")
        text = "Terms with the name terms-of-use already exist for this client."
        assert await refusal(server, "CreateTerms", **place, TermsName="terms-of-use", Links=LINKS, **FIXED) == (EXISTS, text)
        found = await server.store.terms.of_client(place["UserPoolId"], place["ClientId"])
        assert {name: terms.links for name, terms in found.items()} == {"terms-of-use": LINKS, "privacy-policy": LINKS}

    async def test_of_many_at_once_one_wins(self, server: TestServer) -> None:
        place = await placed(server)
        answers = await asyncio.gather(*(made(server, place) for _ in range(5)), return_exceptions=True)
        assert [isinstance(answer, AwsError) and answer.code == EXISTS for answer in answers].count(True) == 4

    @pytest.mark.parametrize(
        "members",
        [
            {"Links": {"cognito:default": "javascript:alert(1)"}},
            {"Links": {"cognito:default": "data:text/html,x"}},
            {"Links": {"cognito:default": "//example.com"}},
            {"Links": {"cognito:default": "terms.html"}},
            {"Links": {"cognito:default": "https://"}},
            {"Links": {"cognito:default": "http://["}},
            {"Links": {"cognito:default": "https://a b"}},
            {"Links": {"cognito:default": "https://example.com/" + "a" * 1024}},
            {"Links": {"cognito:klingon": "https://example.com/"}},
            {"Links": {}},
            {"TermsName": "terms"},
            {"TermsSource": "TEXT"},
            {"Enforcement": "ALL"},
        ],
    )
    async def test_what_is_refused(self, server: TestServer, members: dict[str, Any]) -> None:
        """Links that are no pages would run or lead astray on a page of ours."""
        place = await placed(server)
        code, _ = await refusal(server, "CreateTerms", **{**place, "TermsName": "terms-of-use", "Links": LINKS, **FIXED, **members})
        assert (code, (await server.call("ListTerms", UserPoolId=place["UserPoolId"]))["Terms"]) == (INVALID, [])

    async def test_without_links(self, server: TestServer) -> None:
        expected = (INVALID, "Links must be given.")
        assert await refusal(server, "CreateTerms", **await placed(server), TermsName="terms-of-use", **FIXED) == expected

    async def test_another_pools_client(self, server: TestServer) -> None:
        place, other = await placed(server), await placed(server)
        mixed = {**place, "ClientId": other["ClientId"]}
        code, _ = await refusal(server, "CreateTerms", **mixed, TermsName="terms-of-use", Links=LINKS, **FIXED)
        assert code == MISSING


class TestOthers:
    async def test_what_an_update_leaves_out_stays(self, server: TestServer) -> None:
        """Links are replaced together; a name that the client has already is refused."""
        place = await placed(server)
        terms = await made(server, place)
        named = {"UserPoolId": place["UserPoolId"], "TermsId": terms["TermsId"]}
        server.clock.advance(60)
        links = {"cognito:default": "https://example.com/new"}
        after = (await server.call("UpdateTerms", **named, Links=links))["Terms"]
        assert after == {**terms, "Links": links, "LastModifiedDate": server.clock.now()}
        assert (await server.call("UpdateTerms", **named, TermsName="privacy-policy"))["Terms"]["Links"] == links
        other = await made(server, place)
        assert (await refusal(server, "UpdateTerms", **{**named, "TermsId": other["TermsId"]}, TermsName="privacy-policy"))[0] == EXISTS
        assert (await refusal(server, "UpdateTerms", **named, Links={"cognito:default": "ftp://x"}))[0] == INVALID

    async def test_another_pools(self, server: TestServer) -> None:
        place, other = await placed(server), await placed(server)
        terms = await made(server, other)
        named = {"UserPoolId": place["UserPoolId"], "TermsId": terms["TermsId"]}
        for operation in ("DescribeTerms", "UpdateTerms", "DeleteTerms"):
            assert await refusal(server, operation, **named) == NO_TERMS
        assert await server.call("DescribeTerms", **{**named, "UserPoolId": other["UserPoolId"]}) == {"Terms": terms}

    async def test_deleted_is_gone(self, server: TestServer) -> None:
        """By itself, and with its client."""
        place = await placed(server)
        first, second = await made(server, place), await made(server, place, "privacy-policy")
        await server.call("DeleteTerms", UserPoolId=place["UserPoolId"], TermsId=first["TermsId"])
        assert list(await server.store.terms.of_client(place["UserPoolId"], place["ClientId"])) == ["privacy-policy"]
        await server.call("DeleteUserPoolClient", **place)
        assert await refusal(server, "DescribeTerms", UserPoolId=place["UserPoolId"], TermsId=second["TermsId"]) == NO_TERMS

    async def test_pages(self, server: TestServer) -> None:
        """Each once, without its links; a token is good for its own pool alone."""
        place, other = await placed(server), await placed(server)
        ids = set()
        for _ in range(3):
            client = await server.client(place["UserPoolId"])
            ids |= {(await made(server, {**place, "ClientId": client}, name))["TermsId"] for name in ("terms-of-use", "privacy-policy")}
        listed = await all_pages(server, "ListTerms", "Terms", UserPoolId=place["UserPoolId"], MaxResults=4)
        assert ([len(page) for page in listed], {each["TermsId"] for page in listed for each in page}) == ([4, 2], ids)
        assert listed[0][0].keys() == {"TermsId", "TermsName", "Enforcement", "CreationDate", "LastModifiedDate"}
        token = (await server.call("ListTerms", UserPoolId=place["UserPoolId"], MaxResults=1))["NextToken"]
        assert (await refusal(server, "ListTerms", UserPoolId=other["UserPoolId"], NextToken=token))[0] == INVALID
