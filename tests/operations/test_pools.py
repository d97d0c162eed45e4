"""User pools: defaults, what an update resets and keeps, lists."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from tests.kit.refusal import all_pages, refusal
from tests.kit.schema import STANDARD
from tests.kit.server import TestServer

POLICY = {
    "MinimumLength": 8,
    "RequireUppercase": True,
    "RequireLowercase": True,
    "RequireNumbers": True,
    "RequireSymbols": True,
    "TemporaryPasswordValidityDays": 7,
}
LEVELS = {f"Level{level}": {"AcrValue": f"urn:cognito:loa:{level}"} for level in (1, 2, 3, 4)}
INVALID = "InvalidParameterException"


async def describe(server: TestServer, pool: str) -> Any:
    return (await server.call("DescribeUserPool", UserPoolId=pool))["UserPool"]


KEY_ARN = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"


class TestCreateUserPool:
    async def test_the_defaults(self, server: TestServer) -> None:
        """FIDELITY B.9.68: everything that AWS shows of a pool made with a name alone, and nothing that was not set."""
        now = server.clock.now()
        pool = (await server.call("CreateUserPool", PoolName="name"))["UserPool"]
        pool_id = pool["Id"]
        assert re.fullmatch(r"us-east-1_[a-zA-Z0-9]{9}", pool_id)
        assert [attribute["Name"] for attribute in pool.pop("SchemaAttributes")] == STANDARD
        assert pool == {
            "Id": pool_id,
            "Name": "name",
            "Arn": f"arn:aws:cognito-idp:us-east-1:000000000000:userpool/{pool_id}",
            "Policies": {"PasswordPolicy": POLICY, "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]}},
            "DeletionProtection": "INACTIVE",
            "LambdaConfig": {},
            "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_CODE"},
            "MfaConfiguration": "OFF",
            "EstimatedNumberOfUsers": 0,
            "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"},
            "UserPoolTags": {},
            "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": False, "UnusedAccountValidityDays": 7},
            "UserPoolTier": "ESSENTIALS",
            "AcrConfiguration": LEVELS,
            "LastModifiedDate": now,
            "CreationDate": now,
        }

    async def test_sub_is_required_and_immutable(self, server: TestServer) -> None:
        """FIDELITY B.5.50."""
        attributes = (await server.call("CreateUserPool", PoolName="name"))["UserPool"]["SchemaAttributes"]
        assert attributes[0] == {
            "Name": "sub",
            "AttributeDataType": "String",
            "DeveloperOnlyAttribute": False,
            "Mutable": False,
            "Required": True,
            "StringAttributeConstraints": {"MinLength": "1", "MaxLength": "2048"},
        }

    async def test_describe_says_the_same(self, server: TestServer) -> None:
        """Terraform compares the two."""
        members: dict[str, Any] = {
            "PoolName": "all of it",
            "Policies": {
                "PasswordPolicy": {"MinimumLength": 12, "PasswordHistorySize": 3},
                "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]},
            },
            "DeletionProtection": "INACTIVE",
            "AutoVerifiedAttributes": ["email"],
            "AliasAttributes": ["email", "preferred_username"],
            "VerificationMessageTemplate": {
                "EmailMessage": "Code {####}",
                "EmailSubject": "Hello",
                "DefaultEmailOption": "CONFIRM_WITH_CODE",
            },
            "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
            "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": True, "DeviceOnlyRememberedOnUserPrompt": False},
            "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT", "ReplyToEmailAddress": "a@example.com"},
            "UserPoolTags": {"a": "1"},
            "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True},
            "Schema": [{"Name": "colour", "AttributeDataType": "String", "StringAttributeConstraints": {"MaxLength": "5"}}],
            "UsernameConfiguration": {"CaseSensitive": False},
            "AccountRecoverySetting": {"RecoveryMechanisms": [{"Priority": 1, "Name": "verified_email"}]},
            "UserPoolTier": "PLUS",
            "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"},
        }
        made = (await server.call("CreateUserPool", **members))["UserPool"]
        assert await describe(server, made["Id"]) == made
        kept = {name for name in members if name not in ("PoolName", "Schema", "Policies", "VerificationMessageTemplate")}
        assert {name: made[name] for name in kept - {"AdminCreateUserConfig"}} == {
            name: members[name] for name in kept - {"AdminCreateUserConfig"}
        }

    async def test_a_policy_that_is_given_is_as_given(self, server: TestServer) -> None:
        """What it leaves out is off, but for the length and the days of a temporary password."""
        pool = (await server.call("CreateUserPool", PoolName="x", Policies={"PasswordPolicy": {"RequireNumbers": True}}))["UserPool"]
        off = {"RequireUppercase": False, "RequireLowercase": False, "RequireSymbols": False}
        expected = {"MinimumLength": 8, "RequireNumbers": True, "TemporaryPasswordValidityDays": 7, **off}
        assert pool["Policies"]["PasswordPolicy"] == expected

    async def test_messages_and_their_template_keep_step(self, server: TestServer) -> None:
        """The older members and the template's are the same texts."""
        pool = (
            await server.call("CreateUserPool", PoolName="x", EmailVerificationMessage="Old {####}", SmsVerificationMessage="Sms {####}")
        )["UserPool"]
        assert pool["VerificationMessageTemplate"] == {
            "EmailMessage": "Old {####}",
            "SmsMessage": "Sms {####}",
            "DefaultEmailOption": "CONFIRM_WITH_CODE",
        }
        template = {"EmailMessage": "New {####}", "EmailSubject": "Subject", "SmsMessage": "Text {####}"}
        pool = (await server.call("CreateUserPool", PoolName="x", VerificationMessageTemplate=template))["UserPool"]
        older = (pool["EmailVerificationMessage"], pool["EmailVerificationSubject"], pool["SmsVerificationMessage"])
        assert older == ("New {####}", "Subject", "Text {####}")

    async def test_the_region_is_the_signatures(self, server: TestServer) -> None:
        """A pool is made in the region that the signature names, and found from any."""
        pool = (await server.call("CreateUserPool", region="eu-west-3", PoolName="x"))["UserPool"]
        assert pool["Id"].startswith("eu-west-3_")
        assert pool["Arn"] == f"arn:aws:cognito-idp:eu-west-3:000000000000:userpool/{pool['Id']}"
        assert (await server.call("DescribeUserPool", region="ap-south-1", UserPoolId=pool["Id"]))["UserPool"] == pool

    async def test_a_pinned_id(self, server: TestServer) -> None:
        """The tag _custom_id_ names the id; used twice, or no pool id at all, it is refused."""
        tags = {"_custom_id_": "us-east-1_mine"}
        assert (await server.call("CreateUserPool", PoolName="x", UserPoolTags=tags))["UserPool"]["Id"] == "us-east-1_mine"
        assert (await refusal(server, "CreateUserPool", PoolName="x", UserPoolTags=tags))[0] == INVALID
        for wrong in ("mine", "", "a b_c", "x" * 60 + "_1", "us-east-1_a/../b"):
            assert (await refusal(server, "CreateUserPool", PoolName="x", UserPoolTags={"_custom_id_": wrong}))[0] == INVALID

    @pytest.mark.parametrize(
        ("tag", "expected"), [("self", "http://localhost:2646/{}"), ("https://id.example.com", "https://id.example.com")]
    )
    async def test_a_pinned_issuer(self, server: TestServer, tag: str, expected: str) -> None:
        """The tag _issuer_ decides what tokens and discovery say."""
        pool = await server.pool(UserPoolTags={"_issuer_": tag})
        reply = await server.send("GET", f"/{pool}/.well-known/openid-configuration")
        assert reply.json["issuer"] == expected.format(pool)

    async def test_a_wrong_issuer(self, server: TestServer) -> None:
        assert (await refusal(server, "CreateUserPool", PoolName="x", UserPoolTags={"_issuer_": "nonsense"}))[0] == INVALID

    async def test_aliases_or_username_attributes(self, server: TestServer) -> None:
        both = {"AliasAttributes": ["email"], "UsernameAttributes": ["email"]}
        text = "Only one of the aliasAttributes or usernameAttributes can be set in a user pool."
        assert await refusal(server, "CreateUserPool", PoolName="x", **both) == (INVALID, text)

    @pytest.mark.parametrize("factors", [["EMAIL_OTP"], ["PASSWORD", "SOFTWARE_TOKEN"]])
    async def test_first_factors_that_cannot_be(self, server: TestServer, factors: list[str]) -> None:
        """PASSWORD must be among them, SOFTWARE_TOKEN is "not currently supported"."""
        policies = {"SignInPolicy": {"AllowedFirstAuthFactors": factors}}
        assert (await refusal(server, "CreateUserPool", PoolName="x", Policies=policies))[0] == INVALID

    async def test_recovery_that_contradicts_itself(self, server: TestServer) -> None:
        def recovery(*names: str, priorities: tuple[int, ...] = (1, 2)) -> dict[str, Any]:
            mechanisms = [{"Priority": priority, "Name": name} for priority, name in zip(priorities, names, strict=False)]
            return {"AccountRecoverySetting": {"RecoveryMechanisms": mechanisms}}

        for wrong in (
            recovery("admin_only", "verified_email"),
            recovery("verified_email", "verified_email"),
            recovery("verified_email", "verified_phone_number", priorities=(1, 1)),
        ):
            assert (await refusal(server, "CreateUserPool", PoolName="x", **wrong))[0] == INVALID

    async def test_what_is_verified_before_an_update_is_verified_at_all(self, server: TestServer) -> None:
        wrong = {"UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]}}
        assert (await refusal(server, "CreateUserPool", PoolName="x", **wrong))[0] == INVALID

    @pytest.mark.parametrize(
        ("tier", "members"),
        [
            ("ESSENTIALS", {"UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"}}),
            ("LITE", {"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}}),
            ("LITE", {"AcrConfiguration": {"Level1": {"AcrValue": "urn:x"}}}),
            ("LITE", {"DcrConfiguration": {"OpenDcrEnabled": True}}),
        ],
    )
    async def test_features_of_a_higher_tier(self, server: TestServer, tier: str, members: dict[str, Any]) -> None:
        refused = await refusal(server, "CreateUserPool", PoolName="x", UserPoolTier=tier, **members)
        assert refused[0] == "FeatureUnavailableInTierException"
        higher = {"LITE": "ESSENTIALS", "ESSENTIALS": "PLUS"}[tier]
        assert (await server.call("CreateUserPool", PoolName="x", UserPoolTier=higher, **members))["UserPool"]["UserPoolTier"] == higher

    @pytest.mark.parametrize(
        ("key", "fits"),
        [
            ({"KeyType": "CUSTOMER_MANAGED_KEY"}, False),
            ({"KeyType": "AWS_OWNED_KEY", "KmsKeyArn": KEY_ARN}, False),
            ({"KeyType": "CUSTOMER_MANAGED_KEY", "KmsKeyArn": KEY_ARN}, True),
            ({"KeyType": "AWS_OWNED_KEY"}, True),
        ],
    )
    async def test_a_key_of_ones_own_has_an_arn(self, server: TestServer, key: dict[str, str], fits: bool) -> None:
        if fits:
            pool = await server.pool(KeyConfiguration=key)
            assert (await server.call("DescribeUserPool", UserPoolId=pool))["UserPool"]["KeyConfiguration"] == key
            return
        assert (await refusal(server, "CreateUserPool", PoolName="p", KeyConfiguration=key))[0] == "InvalidParameterException"

    async def test_levels_have_names_of_their_own(self, server: TestServer) -> None:
        """The names given are merged with the defaults, and unique across all four."""
        mine = {"Level1": {"AcrValue": "urn:mine"}}
        pool = (await server.call("CreateUserPool", PoolName="x", AcrConfiguration=mine))["UserPool"]
        assert pool["AcrConfiguration"] == LEVELS | mine
        wrong = {"Level1": {"AcrValue": "urn:cognito:loa:2"}}
        assert (await refusal(server, "CreateUserPool", PoolName="x", AcrConfiguration=wrong))[0] == INVALID

    async def test_two_names_of_one_expiry(self, server: TestServer) -> None:
        """UnusedAccountValidityDays alone sets the days; beside TemporaryPasswordValidityDays it is refused (terraform #8827)."""
        old: dict[str, Any] = {"AdminCreateUserConfig": {"UnusedAccountValidityDays": 3}}
        pool = (await server.call("CreateUserPool", PoolName="x", **old))["UserPool"]
        assert pool["Policies"]["PasswordPolicy"] == {**POLICY, "TemporaryPasswordValidityDays": 3}
        assert pool["AdminCreateUserConfig"]["UnusedAccountValidityDays"] == 3
        both = {**old, "Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 3}}}
        text = "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays"
        assert await refusal(server, "CreateUserPool", PoolName="x", **both) == (INVALID, text)

    async def test_zero_days_are_the_default(self, server: TestServer) -> None:
        """ "If you submit a value of 0, Amazon Cognito treats it as a null value"."""
        policies = {"PasswordPolicy": {"TemporaryPasswordValidityDays": 0}}
        pool = (await server.call("CreateUserPool", PoolName="x", Policies=policies))["UserPool"]
        assert pool["Policies"]["PasswordPolicy"]["TemporaryPasswordValidityDays"] == 7

    @pytest.mark.parametrize("name", ["", "x" * 129, "🙂", "a;b", "a\0b"])
    async def test_names_that_cannot_be(self, server: TestServer, name: str) -> None:
        code, _ = await refusal(server, "CreateUserPool", PoolName=name)
        assert code == ("SerializationException" if "\0" in name else INVALID)

    async def test_two_of_one_name_are_two(self, server: TestServer) -> None:
        assert await server.pool(PoolName="same") != await server.pool(PoolName="same")


class TestDescribeUserPool:
    async def test_counts_users(self, server: TestServer) -> None:
        pool = await server.pool()
        for name in ("a", "b", "c"):
            await server.user(pool, name)
        await server.call("AdminDeleteUser", UserPoolId=pool, Username="a")
        assert (await describe(server, pool))["EstimatedNumberOfUsers"] == 2

    async def test_an_unknown_pool(self, server: TestServer) -> None:
        expected = ("ResourceNotFoundException", "User pool us-east-1_none00000 does not exist.")
        assert await refusal(server, "DescribeUserPool", UserPoolId="us-east-1_none00000") == expected


class TestUpdateUserPool:
    async def test_what_is_left_out(self, server: TestServer) -> None:
        """FIDELITY B.9.69: AutoVerifiedAttributes and other blocks go back to their defaults; policies, MFA, protection, tags and tier stay."""
        pool = await server.pool(
            AutoVerifiedAttributes=["email"],
            Policies={"PasswordPolicy": {"MinimumLength": 20}, "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}},
            UserPoolTags={"a": "1"},
            UserPoolTier="PLUS",
            DeletionProtection="ACTIVE",
            DcrConfiguration={"OpenDcrEnabled": True},
            DeviceConfiguration={"ChallengeRequiredOnNewDevice": True},
            AccountRecoverySetting={"RecoveryMechanisms": [{"Priority": 1, "Name": "verified_email"}]},
            AdminCreateUserConfig={"AllowAdminCreateUserOnly": True},
            EmailVerificationSubject="Mine",
            UsernameAttributes=["email"],
            UsernameConfiguration={"CaseSensitive": False},
        )
        before = await describe(server, pool)
        server.clock.advance(5)
        assert await server.call("UpdateUserPool", UserPoolId=pool) == {}
        after = await describe(server, pool)
        reset = {"AutoVerifiedAttributes", "DeviceConfiguration", "AccountRecoverySetting", "EmailVerificationSubject"}
        assert before.keys() - after.keys() == reset
        expected = {name: value for name, value in before.items() if name not in reset}
        expected["AdminCreateUserConfig"] = {"AllowAdminCreateUserOnly": False, "UnusedAccountValidityDays": 7}
        expected["VerificationMessageTemplate"] = {"DefaultEmailOption": "CONFIRM_WITH_CODE"}
        expected["LastModifiedDate"] = before["CreationDate"] + 5
        assert after == expected

    async def test_one_policy_stays_when_the_other_is_changed(self, server: TestServer) -> None:
        pool = await server.pool(Policies={"PasswordPolicy": {"MinimumLength": 20}})
        await server.call(
            "UpdateUserPool", UserPoolId=pool, Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}}
        )
        policies = (await describe(server, pool))["Policies"]
        assert policies["PasswordPolicy"]["MinimumLength"] == 20
        assert policies["SignInPolicy"] == {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}

    async def test_a_described_pool_can_be_put_back(self, server: TestServer) -> None:
        """What scripts do: describe, change one thing, update. Only the older name of the expiry must go, as on AWS."""
        pool = await server.pool(AutoVerifiedAttributes=["email"])
        before = await describe(server, pool)
        ours = [
            "Id",
            "Name",
            "Arn",
            "SchemaAttributes",
            "UsernameAttributes",
            "AliasAttributes",
            "EstimatedNumberOfUsers",
            "CreationDate",
            "LastModifiedDate",
        ]
        asked = {name: value for name, value in before.items() if name not in ours}
        assert (await refusal(server, "UpdateUserPool", UserPoolId=pool, **asked))[0] == INVALID
        asked["AdminCreateUserConfig"].pop("UnusedAccountValidityDays")
        await server.call("UpdateUserPool", UserPoolId=pool, PoolName="renamed", **asked)
        before["AdminCreateUserConfig"]["UnusedAccountValidityDays"] = 7
        assert await describe(server, pool) == {**before, "Name": "renamed"}

    async def test_a_refused_update_changes_nothing(self, server: TestServer) -> None:
        pool = await server.pool()
        before = await describe(server, pool)
        server.clock.advance(5)
        wrong = {
            "AccountRecoverySetting": {
                "RecoveryMechanisms": [{"Priority": 1, "Name": "admin_only"}, {"Priority": 2, "Name": "verified_email"}]
            }
        }
        assert (await refusal(server, "UpdateUserPool", UserPoolId=pool, PoolName="new", **wrong))[0] == INVALID
        assert await describe(server, pool) == before

    async def test_of_many_at_once_none_is_lost(self, server: TestServer) -> None:
        """Changes of different members of one pool at the same moment all take effect."""
        pool = await server.pool()
        arn = (await describe(server, pool))["Arn"]
        await asyncio.gather(*(server.call("TagResource", ResourceArn=arn, Tags={f"k{number}": "x"}) for number in range(8)))
        assert len((await describe(server, pool))["UserPoolTags"]) == 8


class TestAddCustomAttributes:
    async def test_they_join_the_schema(self, server: TestServer) -> None:
        """With their prefix and AWS's defaults."""
        pool = await server.pool()
        added: list[dict[str, Any]] = [
            {"Name": "colour", "AttributeDataType": "String"},
            {
                "Name": "size",
                "AttributeDataType": "Number",
                "Mutable": False,
                "NumberAttributeConstraints": {"MinValue": "1", "MaxValue": "9"},
            },
            {"Name": "secret", "AttributeDataType": "Boolean", "DeveloperOnlyAttribute": True},
        ]
        assert await server.call("AddCustomAttributes", UserPoolId=pool, CustomAttributes=added) == {}
        common = {"DeveloperOnlyAttribute": False, "Mutable": True, "Required": False}
        assert (await describe(server, pool))["SchemaAttributes"][20:] == [
            {**common, "Name": "custom:colour", "AttributeDataType": "String", "StringAttributeConstraints": {}},
            {**common, **added[1], "Name": "custom:size", "Mutable": False},
            {**common, **added[2], "Name": "dev:custom:secret"},
        ]

    async def test_fifty_at_most(self, server: TestServer) -> None:
        pool = await server.pool()
        for start in (0, 25):
            some = [{"Name": f"a{number}", "AttributeDataType": "String"} for number in range(start, start + 25)]
            await server.call("AddCustomAttributes", UserPoolId=pool, CustomAttributes=some)
        one = [{"Name": "more", "AttributeDataType": "String"}]
        assert (await refusal(server, "AddCustomAttributes", UserPoolId=pool, CustomAttributes=one))[0] == INVALID
        assert len((await describe(server, pool))["SchemaAttributes"]) == 70

    async def test_one_that_is_wrong_adds_none(self, server: TestServer) -> None:
        pool = await server.pool()
        added = [{"Name": "good", "AttributeDataType": "String"}, {"Name": "bad"}]
        await refusal(server, "AddCustomAttributes", UserPoolId=pool, CustomAttributes=added)
        assert len((await describe(server, pool))["SchemaAttributes"]) == 20


class TestListUserPools:
    async def test_pages_of_one_region(self, server: TestServer) -> None:
        mine = sorted([await server.pool(PoolName=f"p{number}") for number in range(5)])
        await server.call("CreateUserPool", region="eu-west-1", PoolName="other")
        pages = await all_pages(server, "ListUserPools", "UserPools", MaxResults=2)
        assert [len(page) for page in pages] == [2, 2, 1]
        assert [pool["Id"] for page in pages for pool in page] == mine
        now = server.clock.now()
        assert pages[0][0].keys() == {"Id", "Name", "LambdaConfig", "LastModifiedDate", "CreationDate"}
        assert pages[0][0]["CreationDate"] == now

    async def test_a_token_is_of_one_region(self, server: TestServer) -> None:
        for _ in range(2):
            await server.pool()
        token = (await server.call("ListUserPools", MaxResults=1))["NextToken"]
        expected = (INVALID, "Invalid pagination token given.")
        assert await refusal(server, "ListUserPools", region="eu-west-1", MaxResults=1, NextToken=token) == expected
