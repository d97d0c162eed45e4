"""Seed files: what they name is there, twice changes nothing, an error names its line."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from cognomen.cli import seeding
from cognomen.config import BadSetting
from tests.kit.server import AwsError, TestServer

POOL = "us-east-1_Example01"
SUB = "11111111-2222-4333-8444-555555555555"
SECRET = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdef"
SEED = f"""\
pools:
  - Id: {POOL}
    Issuer: aws
    PoolName: app
    AutoVerifiedAttributes: [email]
    EmailVerificationSubject: Welcome
    Policies: {{PasswordPolicy: {{MinimumLength: 10, RequireNumbers: true}}}}
    Schema:
      - {{Name: plan, AttributeDataType: String, StringAttributeConstraints: {{MaxLength: 20}}}}
    Clients:
      - ClientId: web
        ClientName: web
        ExplicitAuthFlows: [ALLOW_USER_PASSWORD_AUTH, ALLOW_REFRESH_TOKEN_AUTH]
      - ClientId: backend
        ClientName: backend
        ClientSecret: {SECRET}
    Groups:
      - {{GroupName: admins, Precedence: 1}}
      - {{GroupName: readers, Description: Who reads}}
    Users:
      - Username: anna
        Password: Correct-Horse-9
        Sub: {SUB}
        Attributes: {{email: anna@example.com, email_verified: yes, birthdate: 1990-01-31, "custom:plan": 7}}
        Groups: [admins]
      - Username: bert
        Password: 1234567890
        Temporary: true
        Enabled: false
"""


async def apply(server: TestServer, folder: Path, text: str = SEED) -> None:
    file = folder / "seed.yaml"
    file.write_text(dedent(text))
    await seeding.apply(server.server, file)


async def everything(server: TestServer) -> list[Any]:
    """All that the operations tell of the seed's things, dates included."""
    return [
        await server.call("DescribeUserPool", UserPoolId=POOL),
        await server.call("DescribeUserPoolClient", UserPoolId=POOL, ClientId="web"),
        await server.call("DescribeUserPoolClient", UserPoolId=POOL, ClientId="backend"),
        await server.call("ListGroups", UserPoolId=POOL),
        await server.call("ListUsers", UserPoolId=POOL),
        await server.call("AdminListGroupsForUser", UserPoolId=POOL, Username="anna"),
    ]


class TestWhatASeedMakes:
    async def test_pinned_ids_secrets_and_subs(self, server: TestServer, tmp_path: Path) -> None:
        await apply(server, tmp_path)
        pool = (await server.call("DescribeUserPool", UserPoolId=POOL))["UserPool"]
        assert (pool["Name"], pool["AutoVerifiedAttributes"]) == ("app", ["email"])
        assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] == 10
        client = (await server.call("DescribeUserPoolClient", UserPoolId=POOL, ClientId="backend"))["UserPoolClient"]
        assert client["ClientSecret"] == SECRET
        anna = await server.call("AdminGetUser", UserPoolId=POOL, Username="anna")
        assert {item["Name"]: item["Value"] for item in anna["UserAttributes"]} == {
            "sub": SUB,
            "email": "anna@example.com",
            "email_verified": "true",
            "birthdate": "1990-01-31",
            "custom:plan": "7",
        }
        assert (anna["UserStatus"], anna["Enabled"]) == ("CONFIRMED", True)
        bert = await server.call("AdminGetUser", UserPoolId=POOL, Username="bert")
        assert (bert["UserStatus"], bert["Enabled"]) == ("FORCE_CHANGE_PASSWORD", False)
        groups = await server.call("AdminListGroupsForUser", UserPoolId=POOL, Username="anna")
        assert [group["GroupName"] for group in groups["Groups"]] == ["admins"]

    async def test_its_users_can_sign_in(self, server: TestServer, tmp_path: Path) -> None:
        await apply(server, tmp_path)
        assert set(await server.sign_in("web", "anna")) >= {"AccessToken", "IdToken", "RefreshToken"}

    async def test_its_issuer_is_the_pools(self, server: TestServer, tmp_path: Path) -> None:
        await apply(server, tmp_path)
        found = (await server.send("GET", f"/{POOL}/.well-known/openid-configuration")).json
        assert found["issuer"] == f"https://cognito-idp.us-east-1.amazonaws.com/{POOL}"

    async def test_no_message_is_sent(self, server: TestServer, tmp_path: Path) -> None:
        await apply(server, tmp_path)
        assert await server.messages() == []

    @pytest.mark.parametrize("text", ["", "pools: []", "pools:", "# nothing"])
    async def test_an_empty_file_makes_nothing(self, server: TestServer, tmp_path: Path, text: str) -> None:
        await apply(server, tmp_path, text)
        assert (await server.call("ListUserPools", MaxResults=10))["UserPools"] == []


class TestTheSecondTime:
    async def test_nothing_changes(self, server: TestServer, tmp_path: Path) -> None:
        """Not even a date: what is as the file says is not written again."""
        await apply(server, tmp_path)
        before = await everything(server)
        server.clock.advance(60)
        await apply(server, tmp_path)
        assert await everything(server) == before

    async def test_a_changed_file_updates_what_it_names(self, server: TestServer, tmp_path: Path) -> None:
        await apply(server, tmp_path)
        changed = (
            SEED.replace("MinimumLength: 10", "MinimumLength: 8")
            .replace("EmailVerificationSubject: Welcome", "EmailVerificationSubject: Hello")
            .replace("Correct-Horse-9", "Another-Horse-7")
            .replace("anna@example.com", "anna@example.org")
            .replace("Groups: [admins]", "Groups: [readers]")
            .replace("Precedence: 1", "Precedence: 5")
            .replace("ClientName: web", "ClientName: site")
            .replace(SECRET, SECRET[::-1])
            .replace("Enabled: false", "Enabled: true")
            .replace("      - {Name: plan,", "      - {Name: tier, AttributeDataType: Number}\n      - {Name: plan,")
        )
        await apply(server, tmp_path, changed)
        pool, web, backend, groups, users, memberships = await everything(server)
        assert pool["UserPool"]["Policies"]["PasswordPolicy"]["MinimumLength"] == 8
        assert pool["UserPool"]["EmailVerificationSubject"] == "Hello"
        assert pool["UserPool"]["VerificationMessageTemplate"]["EmailSubject"] == "Hello"
        assert {"custom:plan", "custom:tier"} <= {attribute["Name"] for attribute in pool["UserPool"]["SchemaAttributes"]}
        assert web["UserPoolClient"]["ClientName"] == "site"
        assert backend["UserPoolClient"]["ClientSecret"] == SECRET[::-1]
        assert [group.get("Precedence") for group in groups["Groups"] if group["GroupName"] == "admins"] == [5]
        anna = next(user for user in users["Users"] if user["Username"] == "anna")
        attributes = {item["Name"]: item["Value"] for item in anna["Attributes"]}
        assert (attributes["email"], attributes["email_verified"]) == ("anna@example.org", "true")
        assert [group["GroupName"] for group in memberships["Groups"]] == ["readers"]
        assert (await server.call("AdminGetUser", UserPoolId=POOL, Username="bert"))["Enabled"] is True
        assert "AccessToken" in await server.sign_in("web", "anna", "Another-Horse-7")
        with pytest.raises(AwsError, match="Incorrect username or password"):
            await server.sign_in("web", "anna", "Correct-Horse-9")

    async def test_what_the_file_does_not_name_stays(self, server: TestServer, tmp_path: Path) -> None:
        await apply(server, tmp_path)
        await server.call("UpdateGroup", UserPoolId=POOL, GroupName="admins", Description="Set by hand")
        attribute = [{"Name": "nickname", "Value": "Ann"}]
        await server.call("AdminUpdateUserAttributes", UserPoolId=POOL, Username="anna", UserAttributes=attribute)
        await server.call("CreateGroup", UserPoolId=POOL, GroupName="by-hand")
        pool = (await server.call("DescribeUserPool", UserPoolId=POOL))["UserPool"]
        kept = {name: pool[name] for name in ("AutoVerifiedAttributes", "Policies", "EmailVerificationSubject")}
        await server.call("UpdateUserPool", UserPoolId=POOL, SmsAuthenticationMessage="Yours: {####}", **kept)
        before = await everything(server)
        await apply(server, tmp_path)
        assert await everything(server) == before

    @pytest.mark.parametrize(
        "more",
        [
            "AdminCreateUserConfig: {UnusedAccountValidityDays: 3}",
            "AdminCreateUserConfig: {AllowAdminCreateUserOnly: true}",
            "EmailVerificationMessage: 'Code {####}'",
            "VerificationMessageTemplate: {EmailSubject: Hi}",
            "UsernameConfiguration: {CaseSensitive: false}",
            "UsernameAttributes: [email]",
            "UserPoolTags: {team: a}",
            "AccountRecoverySetting: {RecoveryMechanisms: [{Name: verified_email, Priority: 1}]}",
            "DeletionProtection: ACTIVE",
            "Policies: {PasswordPolicy: {TemporaryPasswordValidityDays: 2}}",
        ],
    )
    async def test_each_kind_of_setting_twice(self, server: TestServer, tmp_path: Path, more: str) -> None:
        """With one setting named alone, again, and as a change to a pool that was made without it."""
        plain = f"pools:\n  - Id: {POOL}\n    PoolName: x\n"
        await apply(server, tmp_path, f"{plain}    {more}\n")
        before = await server.call("DescribeUserPool", UserPoolId=POOL)
        server.clock.advance(60)
        await apply(server, tmp_path, f"{plain}    {more}\n")
        await apply(server, tmp_path, plain)
        assert await server.call("DescribeUserPool", UserPoolId=POOL) == before
        if not more.startswith("Username"):
            await apply(server, tmp_path, plain.replace(POOL, "us-east-1_Other"))
            await apply(server, tmp_path, f"{plain}    {more}\n".replace(POOL, "us-east-1_Other"))
            other = (await server.call("DescribeUserPool", UserPoolId="us-east-1_Other"))["UserPool"]
            dated = ("Id", "Arn", "CreationDate", "LastModifiedDate")
            assert {k: v for k, v in other.items() if k not in dated} == {k: v for k, v in before["UserPool"].items() if k not in dated}

    async def test_a_temporary_password_is_for_the_first_time_only(self, server: TestServer, tmp_path: Path) -> None:
        """Who has chosen a password of their own keeps it over the next start."""
        await apply(server, tmp_path, SEED.replace("        Enabled: false\n", ""))
        await server.call("AdminSetUserPassword", UserPoolId=POOL, Username="bert", Password="Own-Password-1", Permanent=True)
        await apply(server, tmp_path, SEED.replace("        Enabled: false\n", ""))
        assert "AccessToken" in await server.sign_in("web", "bert", "Own-Password-1")


class TestErrors:
    @pytest.mark.parametrize(
        ("line", "text", "seed"),
        [
            (3, "a pool has no PolName; did you mean PoolName?", "pools:\n  - Id: a_1\n    PolName: x\n"),
            (1, "a seed file has no pool; did you mean pools?", "pool: []\n"),
            (2, "a pool needs an Id: by it the next start finds a pool again", "pools:\n  - PoolName: x\n"),
            (2, "a pool needs a PoolName", "pools:\n  - Id: a_1\n"),
            (2, "Id stands here twice", "pools:\n  - {Id: a_1, Id: a_2}\n"),
            (1, "pools must be a list", "pools: {a: 1}\n"),
            (2, "a pool must be a mapping of names to values", "pools:\n  - x\n"),
            (4, "PasswordPolicy has no MinLength; did you mean MinimumLength?",
             "pools:\n  - Id: a_1\n    PoolName: x\n    Policies: {PasswordPolicy: {MinLength: 8}}\n"),
            (5, "a user has no Email", "pools:\n  - Id: a_1\n    PoolName: x\n    Users:\n      - {Username: a, Email: b}\n"),
            (6, "Temporary must be true or false", "pools:\n  - Id: a_1\n    PoolName: x\n    Users:\n      - Username: a\n        Temporary: 3\n"),
            (6, "Sub must be a UUID in small letters", "pools:\n  - Id: a_1\n    PoolName: x\n    Users:\n      - Username: a\n        Sub: 3\n"),
            (5, "a client needs a ClientId: by it the next start finds a client again",
             "pools:\n  - Id: a_1\n    PoolName: x\n    Clients:\n      - ClientName: a\n"),
            (1, "an alias may not contain itself", "&a\npools: [*a]\n"),
        ],
    )  # fmt: skip
    async def test_a_wrong_file_is_refused_by_its_line(self, server: TestServer, tmp_path: Path, line: int, text: str, seed: str) -> None:
        with pytest.raises(BadSetting) as refused:
            await apply(server, tmp_path, seed)
        place, _, said = str(refused.value).partition(f"{tmp_path / 'seed.yaml'}:")[2].partition(": ")
        assert said.startswith(text)
        assert int(place) == line or "alias" in text

    @pytest.mark.parametrize(
        ("line", "text", "old", "new"),
        [
            (2, "failed to satisfy constraint", f"Id: {POOL}", "Id: nonsense"),
            (4, "failed to satisfy constraint", "PoolName: app", "PoolName: 'a!'"),
            (3, "The tag _issuer_ must be self, aws or an https address.", "Issuer: aws", "Issuer: mine"),
            (5, "failed to satisfy constraint", "[email]", "[mail]"),
            (15, "failed to satisfy constraint", SECRET, "short"),
            (11, "Invalid range for token validity.", "ClientName: web\n", "ClientName: web\n        AccessTokenValidity: 80000\n"),
            (20, "Password did not conform with policy", "Correct-Horse-9", "short"),
            (20, "Invalid user attributes", "anna@example.com", "no-address"),
            (20, "The group nobody does not exist.", "[admins]", "[nobody]"),
            (20, "Attribute does not exist in the schema", "custom:plan", "custom:plane"),
        ],
    )
    async def test_what_the_api_refuses_a_seed_refuses(
        self, server: TestServer, tmp_path: Path, line: int, text: str, old: str, new: str
    ) -> None:
        with pytest.raises(BadSetting) as refused:
            await apply(server, tmp_path, SEED.replace(old, new))
        said = str(refused.value)
        assert text in said
        place = int(said.partition("seed.yaml:")[2].partition(":")[0])
        assert abs(place - line) <= 1

    @pytest.mark.parametrize(
        ("text", "old", "new"),
        [
            ("The user exists with another sub", SUB, SUB.replace("1", "9")),
            ("The attribute custom:plan exists with other settings", "MaxLength: 20", "MaxLength: 21"),
            ("AliasAttributes cannot be changed", "Issuer: aws", "AliasAttributes: [email]"),
        ],
    )
    async def test_what_cannot_be_changed(self, server: TestServer, tmp_path: Path, text: str, old: str, new: str) -> None:
        await apply(server, tmp_path)
        with pytest.raises(BadSetting, match=text):
            await apply(server, tmp_path, SEED.replace(old, new))

    @pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe\xff", b"a: 1\n---\nb: 2\n", b"\tpools:\n", b"a: !!python/object:os.system x"])
    async def test_no_yaml(self, server: TestServer, tmp_path: Path, content: bytes) -> None:
        file = tmp_path / "seed.yaml"
        file.write_bytes(content)
        with pytest.raises(BadSetting, match=r"seed\.yaml"):
            await seeding.apply(server.server, file)

    async def test_a_file_that_is_not_there(self, server: TestServer, tmp_path: Path) -> None:
        with pytest.raises(BadSetting, match=r"cannot read the seed file .*: No such file or directory"):
            await seeding.apply(server.server, tmp_path / "none.yaml")

    async def test_a_password_is_never_repeated(self, server: TestServer, tmp_path: Path) -> None:
        with pytest.raises(BadSetting) as refused:
            await apply(server, tmp_path, SEED.replace("Correct-Horse-9", '"se cret words"'))
        assert "cret" not in str(refused.value)
