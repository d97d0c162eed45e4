"""A pool's schema: how attributes are declared, and what their values must be. Texts: FIDELITY B.5.51."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.kit.refusal import refusal
from tests.kit.server import TestServer

INVALID = "InvalidParameterException"


def pairs(**attributes: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in attributes.items()]


async def declared(server: TestServer, *schema: dict[str, Any]) -> tuple[str, str]:
    return await refusal(server, "CreateUserPool", PoolName="x", Schema=list(schema))


async def fault(server: TestServer, pool: str, name: str, value: str) -> str | None:
    """What is wrong with a value, or None where a user may have it."""
    members = {"UserPoolId": pool, "Username": "anna", "MessageAction": "SUPPRESS", "UserAttributes": pairs(**{name: value})}
    reply = await server.raw("AdminCreateUser", json.dumps(members).encode())
    if reply.status == 200:
        shown = {item["Name"]: item["Value"] for item in reply.json["User"]["Attributes"]}
        assert shown[name] == value
        await server.call("AdminDeleteUser", UserPoolId=pool, Username="anna")
        return None
    assert reply.json["__type"] == INVALID
    before, _, after = str(reply.json["message"]).partition(f"Invalid user attributes: user.{name}: ")
    assert before == "" and after.endswith("\n")
    return after[:-1]


class TestDeclaration:
    async def test_a_custom_attribute_is_never_required(self, server: TestServer) -> None:
        text = "Required custom attributes are not supported currently."
        assert await declared(server, {"Name": "a", "AttributeDataType": "String", "Required": True}) == (INVALID, text)

    async def test_a_custom_attribute_has_a_type(self, server: TestServer) -> None:
        text = "Invalid AttributeDataType input, consider using the provided AttributeDataType enum."
        assert await declared(server, {"Name": "a"}) == (INVALID, text)

    @pytest.mark.parametrize("change", [{"AttributeDataType": "Number"}, {"DeveloperOnlyAttribute": True}])
    async def test_a_standard_attribute_keeps_its_type(self, server: TestServer, change: dict[str, Any]) -> None:
        text = "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute email"
        assert await declared(server, {"Name": "email", **change}) == (INVALID, text)

    async def test_a_standard_attribute_can_be_adjusted(self, server: TestServer) -> None:
        """Required, mutable and bounds; all else as it was."""
        wanted = {
            "Name": "nickname",
            "Required": True,
            "Mutable": False,
            "StringAttributeConstraints": {"MinLength": "2", "MaxLength": "5"},
        }
        pool = (await server.call("CreateUserPool", PoolName="x", Schema=[wanted]))["UserPool"]
        found = [attribute for attribute in pool["SchemaAttributes"] if attribute["Name"] == "nickname"]
        assert found == [{**wanted, "AttributeDataType": "String", "DeveloperOnlyAttribute": False}]
        assert len(pool["SchemaAttributes"]) == 20

    @pytest.mark.parametrize("bounds", [{"MaxLength": "2049"}, {"MinLength": "0", "MaxLength": "99999"}])
    async def test_the_longest_text(self, server: TestServer, bounds: dict[str, str]) -> None:
        text = "user.custom:a: String attributes cannot have a length of more than 2048"
        asked = {"Name": "a", "AttributeDataType": "String", "StringAttributeConstraints": bounds}
        assert await declared(server, asked) == (INVALID, text)

    @pytest.mark.parametrize(
        "asked",
        [
            {"AttributeDataType": "String", "StringAttributeConstraints": {"MinLength": "5", "MaxLength": "4"}},
            {"AttributeDataType": "String", "StringAttributeConstraints": {"MinLength": "x"}},
            {"AttributeDataType": "String", "StringAttributeConstraints": {"MaxLength": "-1"}},
            {"AttributeDataType": "Number", "NumberAttributeConstraints": {"MinValue": "5", "MaxValue": "4"}},
            {"AttributeDataType": "Number", "NumberAttributeConstraints": {"MinValue": "NaN"}},
            {"AttributeDataType": "Number", "NumberAttributeConstraints": {"MaxValue": "1e999999999"}},
        ],
    )
    async def test_bounds_that_cannot_be(self, server: TestServer, asked: dict[str, Any]) -> None:
        code, text = await declared(server, {"Name": "a", **asked})
        assert code == INVALID and text.startswith("user.custom:a: ")

    async def test_a_name_is_given_once(self, server: TestServer) -> None:
        """The text names the attribute without the prefix of developers, and then the one that is there."""
        plain = {"Name": "banana", "AttributeDataType": "String"}
        text = "custom:banana: Existing attribute already has name custom:banana."
        assert await declared(server, plain, plain) == (INVALID, text)
        pool = await server.pool(Schema=[{**plain, "DeveloperOnlyAttribute": True}])
        refused = await refusal(
            server, "AddCustomAttributes", UserPoolId=pool, CustomAttributes=[{**plain, "DeveloperOnlyAttribute": True}]
        )
        assert refused == (INVALID, "custom:banana: Existing attribute already has name dev:custom:banana.")

    async def test_a_name_has_20_characters_at_most(self, server: TestServer) -> None:
        code, text = await declared(server, {"Name": "x" * 21, "AttributeDataType": "String"})
        assert code == INVALID and "Member must have length less than or equal to 20" in text

    async def test_sub_is_nobodys_to_change(self, server: TestServer) -> None:
        for change in ({"Mutable": True}, {"Required": False}):
            assert (await declared(server, {"Name": "sub", **change}))[0] == INVALID


class TestValues:
    @pytest.mark.parametrize(
        ("kind", "value", "wrong"),
        [
            ("Number", "7", None),
            ("Number", "-0.5", None),
            ("Number", "seven", "The attribute value is not a valid number."),
            ("Number", "NaN", "The attribute value is not a valid number."),
            ("Number", "1e5", "The attribute value is not a valid number."),
            ("Number", "٣", "The attribute value is not a valid number."),
            ("Boolean", "true", None),
            ("Boolean", "FALSE", None),
            ("Boolean", "yes", "The attribute value is not a valid boolean."),
            ("DateTime", "2026-01-31", None),
            ("DateTime", "2026-01-31T12:00:00Z", None),
            ("DateTime", "1767225600", None),
            ("DateTime", "yesterday", "The attribute value is not a valid date."),
            ("String", " ", None),
        ],
    )
    async def test_types(self, server: TestServer, kind: str, value: str, wrong: str | None) -> None:
        pool = await server.pool(Schema=[{"Name": "a", "AttributeDataType": kind}])
        assert await fault(server, pool, "custom:a", value) == wrong

    async def test_bounds_of_texts(self, server: TestServer) -> None:
        """Both ends are within; characters count, not bytes."""
        bounds = {"MinLength": "2", "MaxLength": "3"}
        pool = await server.pool(Schema=[{"Name": "a", "AttributeDataType": "String", "StringAttributeConstraints": bounds}])
        too_short, too_long = (
            "String attribute value is shorter than the minimum length of 2.",
            "String attribute value is longer than the maximum length of 3.",
        )
        found = [await fault(server, pool, "custom:a", value) for value in ("x", "xx", "🙂🙂🙂", "xxxx")]
        assert found == [too_short, None, None, too_long]

    async def test_bounds_of_numbers(self, server: TestServer) -> None:
        bounds = {"MinValue": "-1.5", "MaxValue": "10"}
        pool = await server.pool(Schema=[{"Name": "a", "AttributeDataType": "Number", "NumberAttributeConstraints": bounds}])
        low, high = "Number attribute value is less than the minimum of -1.5.", "Number attribute value is greater than the maximum of 10."
        found = [await fault(server, pool, "custom:a", value) for value in ("-1.51", "-1.5", "10", "10.0", "10.01", "9" * 40)]
        assert found == [low, None, None, None, high, high]

    @pytest.mark.parametrize(
        ("name", "value", "wrong"),
        [
            ("email", "a@example.com", None),
            ("email", "a b@example.com", "Invalid email address format."),
            ("email", "example.com", "Invalid email address format."),
            ("email", "a@b@c", "Invalid email address format."),
            ("phone_number", "+12065550100", None),
            ("phone_number", "12065550100", "Invalid phone number format."),
            ("phone_number", "+1 206 555", "Invalid phone number format."),
            ("phone_number", "+1206555010012345", "Invalid phone number format."),
            ("birthdate", "2000-02-29", None),
            ("birthdate", "29.02.2000", "Invalid birthdate format."),
            ("birthdate", "2000-2-29", "String attribute value is shorter than the minimum length of 10."),
            ("updated_at", "1767225600", None),
            ("updated_at", "now", "The attribute value is not a valid number."),
            ("updated_at", "-1", "Number attribute value is less than the minimum of 0."),
            ("custom:none", "x", "Attribute does not exist in the schema."),
            ("sub", "x", "Attribute cannot be updated."),
        ],
    )
    async def test_forms(self, server: TestServer, name: str, value: str, wrong: str | None) -> None:
        assert await fault(server, await server.pool(), name, value) == wrong

    async def test_every_fault_has_its_line(self, server: TestServer) -> None:
        """FIDELITY B.5.51: one line for each attribute, each with its newline."""
        given = pairs(**{"custom:foo": "1", "name": "Anna", "custom:bar": "2"})
        refused = await refusal(server, "AdminCreateUser", UserPoolId=await server.pool(), Username="anna", UserAttributes=given)
        lines = "".join(f"user.custom:{name}: Attribute does not exist in the schema.\n" for name in ("foo", "bar"))
        assert refused == (INVALID, f"Invalid user attributes: {lines}")
