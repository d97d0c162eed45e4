"""IAM's roles and their policies over the query protocol: create, read, attach, version, delete, and what AWS refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.kit.aws_query import form, query, refused
from tests.kit.server import TestServer

TRUST = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}]}
)


def document(action: str = "s3:GetObject", resource: str = "*", **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource, **more}]})


async def role(server: TestServer, name: str = "Kim", **members: Any) -> Any:
    return (await query(server, "iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=TRUST, **members))["Role"]


async def policy(server: TestServer, name: str = "Reads", **members: Any) -> str:
    made = await query(server, "iam", "CreatePolicy", **{"PolicyName": name, "PolicyDocument": document(), **members})
    return str(made["Policy"]["Arn"])


class TestRoles:
    async def test_a_role_is_as_it_was_made(self, server: TestServer) -> None:
        """What CreateRole answers GetRole answers, by any spelling of the name; the list has it without its tags."""
        made = await role(server, Path="/app/", Description="It's <b>&", MaxSessionDuration=7200, Tags=[{"Key": "team", "Value": "blue"}])
        assert made["Arn"] == "arn:aws:iam::000000000000:role/app/Kim"
        assert made["AssumeRolePolicyDocument"] == json.loads(TRUST)
        assert (made["RoleId"][:4], len(made["RoleId"])) == ("AROA", 21)
        assert (made["Description"], made["MaxSessionDuration"], made["Tags"]) == ("It's <b>&", 7200, [{"Key": "team", "Value": "blue"}])
        assert (await query(server, "iam", "GetRole", RoleName="kIM"))["Role"] == made
        listed = await query(server, "iam", "ListRoles", PathPrefix="/app/")
        assert listed == {"Roles": [{key: value for key, value in made.items() if key != "Tags"}], "IsTruncated": False}
        assert (await query(server, "iam", "ListRoles", PathPrefix="/other/"))["Roles"] == []

    async def test_lists_have_pages(self, server: TestServer) -> None:
        for number in range(5):
            await role(server, f"r{number}")
        first = await query(server, "iam", "ListRoles", MaxItems=3)
        second = await query(server, "iam", "ListRoles", MaxItems=3, Marker=first["Marker"])
        assert [one["RoleName"] for one in first["Roles"] + second["Roles"]] == ["r0", "r1", "r2", "r3", "r4"]
        assert (first["IsTruncated"], second["IsTruncated"], "Marker" in second) == (True, False, False)
        assert (await refused(server, "iam", "ListRoles", Marker="forged"))[:2] == (400, "ValidationError")
        assert (await refused(server, "iam", "ListRoles", PathPrefix="/x/", Marker=first["Marker"]))[:2] == (400, "ValidationError")

    async def test_changes_are_seen(self, server: TestServer) -> None:
        await role(server)
        await query(server, "iam", "UpdateRole", RoleName="Kim", Description="new", MaxSessionDuration=3600)
        other = TRUST.replace("000000000000", "111122223333")
        await query(server, "iam", "UpdateAssumeRolePolicy", RoleName="Kim", PolicyDocument=other)
        await query(server, "iam", "TagRole", RoleName="Kim", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
        await query(server, "iam", "UntagRole", RoleName="Kim", TagKeys=["a", "never"])
        found = (await query(server, "iam", "GetRole", RoleName="Kim"))["Role"]
        assert (found["Description"], found["AssumeRolePolicyDocument"], found["Tags"]) == (
            "new",
            json.loads(other),
            [{"Key": "b", "Value": ""}],
        )
        assert (await query(server, "iam", "ListRoleTags", RoleName="Kim"))["Tags"] == [{"Key": "b", "Value": ""}]
        described = await query(server, "iam", "UpdateRoleDescription", RoleName="Kim", Description="again")
        assert described["Role"]["Description"] == "again"

    async def test_refusals(self, server: TestServer) -> None:
        await role(server)
        assert await refused(server, "iam", "CreateRole", RoleName="KIM", AssumeRolePolicyDocument=TRUST) == (
            409,
            "EntityAlreadyExists",
            "Role with name KIM already exists.",
        )
        gone = (404, "NoSuchEntity", "The role with name none cannot be found.")
        for operation in ("GetRole", "DeleteRole", "ListRolePolicies", "ListAttachedRolePolicies", "ListInstanceProfilesForRole"):
            assert await refused(server, "iam", operation, RoleName="none") == gone
        bad = await refused(server, "iam", "CreateRole", RoleName="x", AssumeRolePolicyDocument=document())
        assert bad == (400, "MalformedPolicyDocument", "AssumeRole policy may only specify STS AssumeRole actions.")
        long = TRUST.replace("sts:AssumeRole", "sts:AssumeRole" + "*" * 2100)
        assert (await refused(server, "iam", "CreateRole", RoleName="x", AssumeRolePolicyDocument=long)) == (
            409,
            "LimitExceeded",
            "Cannot exceed quota for ACLSizePerRole: 2048",
        )
        wrong = await refused(server, "iam", "CreateRole", RoleName="a b", AssumeRolePolicyDocument=TRUST, MaxSessionDuration=5)
        assert wrong[:2] == (400, "ValidationError")
        assert wrong[2].startswith("2 validation errors detected: Value 'a b' at 'roleName' failed to satisfy constraint")

    async def test_no_role_trusts_every_identity_pool(self, server: TestServer) -> None:
        """As IAM: without a condition a guest of any pool would have the role."""
        open_ = {"Effect": "Allow", "Principal": {"Federated": "cognito-identity.amazonaws.com"}, "Action": "sts:AssumeRoleWithWebIdentity"}
        narrow = {**open_, "Condition": {"StringEquals": {"cognito-identity.amazonaws.com:aud": "us-east-1:1"}}}
        trusts = [json.dumps({"Version": "2012-10-17", "Statement": statements}) for statements in ([narrow, open_], [narrow])]
        text = "A role that trusts cognito-identity.amazonaws.com must have a condition, such as cognito-identity.amazonaws.com:aud."
        refusal = (400, "MalformedPolicyDocument", text)
        assert await refused(server, "iam", "CreateRole", RoleName="Kim", AssumeRolePolicyDocument=trusts[0]) == refusal
        await query(server, "iam", "CreateRole", RoleName="Kim", AssumeRolePolicyDocument=trusts[1])
        assert await refused(server, "iam", "UpdateAssumeRolePolicy", RoleName="Kim", PolicyDocument=trusts[0]) == refusal

    async def test_terraforms_life_of_a_role(self, server: TestServer) -> None:
        """Create, put a policy, read everything, and delete in the order that the provider does; too early is a conflict."""
        await role(server)
        arn = await policy(server)
        await query(server, "iam", "PutRolePolicy", RoleName="Kim", PolicyName="own", PolicyDocument=document())
        await query(server, "iam", "AttachRolePolicy", RoleName="Kim", PolicyArn=arn)
        assert (await query(server, "iam", "ListRolePolicies", RoleName="Kim"))["PolicyNames"] == ["own"]
        assert (await query(server, "iam", "ListInstanceProfilesForRole", RoleName="Kim"))["InstanceProfiles"] == []
        conflict = (409, "DeleteConflict", "Cannot delete entity, must detach all policies first.")
        assert await refused(server, "iam", "DeleteRole", RoleName="Kim") == conflict
        await query(server, "iam", "DetachRolePolicy", RoleName="Kim", PolicyArn=arn)
        conflict = (409, "DeleteConflict", "Cannot delete entity, must delete policies first.")
        assert await refused(server, "iam", "DeleteRole", RoleName="Kim") == conflict
        await query(server, "iam", "DeleteRolePolicy", RoleName="Kim", PolicyName="own")
        await query(server, "iam", "DeleteRole", RoleName="Kim")
        await query(server, "iam", "DeletePolicy", PolicyArn=arn)
        assert (await refused(server, "iam", "GetRole", RoleName="Kim"))[1] == "NoSuchEntity"


class TestInlinePolicies:
    async def test_the_document_comes_back_as_it_was_given(self, server: TestServer) -> None:
        await role(server)
        given = document("s3:Get*", "arn:aws:s3:::bücket/${aws:username}/*")
        await query(server, "iam", "PutRolePolicy", RoleName="Kim", PolicyName="own", PolicyDocument=given)
        found = await query(server, "iam", "GetRolePolicy", RoleName="Kim", PolicyName="own")
        assert found == {"RoleName": "Kim", "PolicyName": "own", "PolicyDocument": json.loads(given)}

    async def test_refusals(self, server: TestServer) -> None:
        await role(server)
        gone = (404, "NoSuchEntity", "The role policy with name own cannot be found.")
        assert await refused(server, "iam", "GetRolePolicy", RoleName="Kim", PolicyName="own") == gone
        assert await refused(server, "iam", "DeleteRolePolicy", RoleName="Kim", PolicyName="own") == gone
        bad = await refused(server, "iam", "PutRolePolicy", RoleName="Kim", PolicyName="own", PolicyDocument=TRUST)
        assert bad == (400, "MalformedPolicyDocument", "Policy document should not specify a principal.")

    async def test_all_of_a_role_count_together(self, server: TestServer) -> None:
        """10,240 characters; replacing one counts the new one only."""
        await role(server)
        big = document(resource="arn:aws:s3:::" + "a" * 6000)
        await query(server, "iam", "PutRolePolicy", RoleName="Kim", PolicyName="one", PolicyDocument=big)
        await query(server, "iam", "PutRolePolicy", RoleName="Kim", PolicyName="one", PolicyDocument=big)
        full = await refused(server, "iam", "PutRolePolicy", RoleName="Kim", PolicyName="two", PolicyDocument=big)
        assert full == (409, "LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role Kim")


class TestManagedPolicies:
    async def test_versions(self, server: TestServer) -> None:
        """Five at the most, one of them counts; a number is never given twice."""
        arn = await policy(server, Path="/p/", Description="x", Tags=[{"Key": "a", "Value": "b"}])
        made = await query(server, "iam", "CreatePolicyVersion", PolicyArn=arn, PolicyDocument=document("s3:Put*"), SetAsDefault=True)
        assert (made["PolicyVersion"]["VersionId"], made["PolicyVersion"]["IsDefaultVersion"]) == ("v2", True)
        found = await query(server, "iam", "GetPolicyVersion", PolicyArn=arn, VersionId="v2")
        assert found["PolicyVersion"]["Document"] == json.loads(document("s3:Put*"))
        assert (await query(server, "iam", "GetPolicy", PolicyArn=arn))["Policy"]["DefaultVersionId"] == "v2"
        assert (await refused(server, "iam", "DeletePolicyVersion", PolicyArn=arn, VersionId="v2")) == (
            409,
            "DeleteConflict",
            "Cannot delete the default version of a policy.",
        )
        await query(server, "iam", "SetDefaultPolicyVersion", PolicyArn=arn, VersionId="v1")
        await query(server, "iam", "DeletePolicyVersion", PolicyArn=arn, VersionId="v2")
        for number in (3, 4, 5, 6):
            again = await query(server, "iam", "CreatePolicyVersion", PolicyArn=arn, PolicyDocument=document())
            assert again["PolicyVersion"]["VersionId"] == f"v{number}"
        full = await refused(server, "iam", "CreatePolicyVersion", PolicyArn=arn, PolicyDocument=document())
        assert full[:2] == (409, "LimitExceeded")
        listed = await query(server, "iam", "ListPolicyVersions", PolicyArn=arn)
        assert [version["VersionId"] for version in listed["Versions"]] == ["v6", "v5", "v4", "v3", "v1"]
        assert (await refused(server, "iam", "DeletePolicy", PolicyArn=arn))[1] == "DeleteConflict"
        missing = await refused(server, "iam", "GetPolicyVersion", PolicyArn=arn, VersionId="v9")
        assert missing == (404, "NoSuchEntity", f"Policy {arn} version v9 does not exist or is not attachable.")

    async def test_attached_is_counted_and_found_from_both_sides(self, server: TestServer) -> None:
        await role(server)
        await role(server, "Lee", PermissionsBoundary=(arn := await policy(server)))
        await query(server, "iam", "AttachRolePolicy", RoleName="Kim", PolicyArn=arn)
        await query(server, "iam", "AttachRolePolicy", RoleName="Kim", PolicyArn=arn)
        attached = await query(server, "iam", "ListAttachedRolePolicies", RoleName="kim")
        assert attached["AttachedPolicies"] == [{"PolicyName": "Reads", "PolicyArn": arn}]
        found = (await query(server, "iam", "GetPolicy", PolicyArn=arn))["Policy"]
        assert (found["AttachmentCount"], found["PermissionsBoundaryUsageCount"]) == (1, 1)
        entities = await query(server, "iam", "ListEntitiesForPolicy", PolicyArn=arn)
        assert [one["RoleName"] for one in entities["PolicyRoles"]] == ["Kim"]
        bounded = await query(server, "iam", "ListEntitiesForPolicy", PolicyArn=arn, PolicyUsageFilter="PermissionsBoundary")
        assert [one["RoleName"] for one in bounded["PolicyRoles"]] == ["Lee"]
        conflict = (409, "DeleteConflict", "Cannot delete a policy attached to entities.")
        assert await refused(server, "iam", "DeletePolicy", PolicyArn=arn) == conflict
        assert [one["Arn"] for one in (await query(server, "iam", "ListPolicies", OnlyAttached=True))["Policies"]] == [arn]

    async def test_a_boundary_is_put_and_taken_away(self, server: TestServer) -> None:
        await role(server)
        arn = await policy(server)
        await query(server, "iam", "PutRolePermissionsBoundary", RoleName="Kim", PermissionsBoundary=arn)
        found = (await query(server, "iam", "GetRole", RoleName="Kim"))["Role"]
        assert found["PermissionsBoundary"] == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
        await query(server, "iam", "DeleteRolePermissionsBoundary", RoleName="Kim")
        await query(server, "iam", "DeletePolicy", PolicyArn=arn)
        none = await refused(server, "iam", "PutRolePermissionsBoundary", RoleName="Kim", PermissionsBoundary=arn)
        assert none == (404, "NoSuchEntity", f"Scope ARN: {arn} does not exist or is not attachable.")

    async def test_refusals(self, server: TestServer) -> None:
        await role(server)
        arn = await policy(server)
        again = await refused(server, "iam", "CreatePolicy", PolicyName="reads", PolicyDocument=document())
        assert again == (409, "EntityAlreadyExists", "A policy called reads already exists. Duplicate names are not allowed.")
        other = arn.replace("Reads", "None")
        for operation in ("GetPolicy", "DeletePolicy", "ListPolicyVersions", "ListEntitiesForPolicy"):
            assert await refused(server, "iam", operation, PolicyArn=other) == (404, "NoSuchEntity", f"Policy {other} was not found.")
        attach = await refused(server, "iam", "AttachRolePolicy", RoleName="Kim", PolicyArn=other)
        assert attach == (404, "NoSuchEntity", f"Policy {other} does not exist or is not attachable.")
        detach = await refused(server, "iam", "DetachRolePolicy", RoleName="Kim", PolicyArn=arn)
        assert detach == (404, "NoSuchEntity", f"Policy {arn} was not found.")
        big = document(resource="arn:aws:s3:::" + "a" * 6200)
        size = await refused(server, "iam", "CreatePolicy", PolicyName="big", PolicyDocument=big)
        assert size == (409, "LimitExceeded", "Cannot exceed quota for PolicySize: 6144")


class TestSimulate:
    async def test_custom(self, server: TestServer) -> None:
        """One result for each action, the strictest of its resources; conditions whose key was not given are named."""
        given = document("s3:Get*", "arn:aws:s3:::a/*", Condition={"Bool": {"aws:SecureTransport": "true"}})
        asked: Any = {"PolicyInputList": [given], "ActionNames": ["s3:GetObject"], "ResourceArns": ["arn:aws:s3:::a/1", "arn:aws:s3:::b/1"]}
        [without] = (await query(server, "iam", "SimulateCustomPolicy", **asked))["EvaluationResults"]
        assert (without["EvalDecision"], without["MissingContextValues"]) == ("implicitDeny", ["aws:SecureTransport"])
        entry = {"ContextKeyName": "AWS:securetransport", "ContextKeyValues": ["true"], "ContextKeyType": "boolean"}
        [found] = (await query(server, "iam", "SimulateCustomPolicy", **asked, ContextEntries=[entry]))["EvaluationResults"]
        each = [(one["EvalResourceName"], one["EvalResourceDecision"]) for one in found["ResourceSpecificResults"]]
        assert each == [("arn:aws:s3:::a/1", "allowed"), ("arn:aws:s3:::b/1", "implicitDeny")]
        assert (found["EvalDecision"], found["MissingContextValues"]) == ("implicitDeny", [])
        assert found["MatchedStatements"][0]["SourcePolicyId"] == "PolicyInputList.1"

    async def test_a_role(self, server: TestServer) -> None:
        """Inline and attached policies count, and the boundary limits."""
        arn = (await role(server))["Arn"]
        await query(server, "iam", "PutRolePolicy", RoleName="Kim", PolicyName="own", PolicyDocument=document("sqs:*"))
        reads = await policy(server)
        await query(server, "iam", "AttachRolePolicy", RoleName="Kim", PolicyArn=reads)

        async def decisions() -> list[str]:
            asked: Any = {"PolicySourceArn": arn, "ActionNames": ["s3:GetObject", "sqs:SendMessage", "sns:Publish"]}
            answer = await query(server, "iam", "SimulatePrincipalPolicy", **asked)
            return [one["EvalDecision"] for one in answer["EvaluationResults"]]

        assert await decisions() == ["allowed", "allowed", "implicitDeny"]
        await query(server, "iam", "PutRolePermissionsBoundary", RoleName="Kim", PermissionsBoundary=reads)
        assert await decisions() == ["allowed", "implicitDeny", "implicitDeny"]
        other = await refused(server, "iam", "SimulatePrincipalPolicy", PolicySourceArn=arn + "x", ActionNames=["s3:GetObject"])
        assert other[:2] == (404, "NoSuchEntity")


class TestProtocol:
    async def test_the_answer_is_xml_of_the_services_namespace(self, server: TestServer) -> None:
        reply = await form(server, {"Action": "GetCallerIdentity", "Version": "2011-06-15"})
        assert reply.headers["content-type"] == "text/xml"
        begin = b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        assert reply.body.startswith(begin)

    async def test_a_query_string_will_do(self, server: TestServer) -> None:
        reply = await server.send("GET", "/", query="Action=GetCallerIdentity&Version=2011-06-15")
        assert (reply.status, b"<Account>000000000000</Account>" in reply.body) == (200, True)

    @pytest.mark.parametrize(
        ("fields", "code", "text"),
        [
            ({"Action": "DoAll", "Version": "2010-05-08"}, "InvalidAction", "Could not find operation DoAll for version 2010-05-08"),
            ({"Action": "GetRole", "Version": "2011-06-15"}, "InvalidAction", "Could not find operation GetRole for version 2011-06-15"),
            ({"Action": "GetRole"}, "InvalidAction", "Could not find operation GetRole for version NO_VERSION_SPECIFIED"),
            ({"Version": "2010-05-08"}, "InvalidAction", "Missing Action"),
            ({"Action": "ListRoles", "Version": "2010-05-08", "MaxItems": "many"}, "MalformedInput", None),
            ({"Action": "ListRoles", "Version": "2010-05-08", "MaxItems.member.1": "1"}, "MalformedInput", None),
            ({"Action": "GetRole", "Version": "2010-05-08", "RoleName": "a\0"}, "MalformedInput", None),
            ({"Action": "GetRole", "Version": "2010-05-08", **{f"a.{n}": "x" for n in range(2100)}}, "MalformedInput", None),
            ({"Action": "GetRole", "Version": "2010-05-08"}, "ValidationError", None),
            ({"Action": "<x>", "Version": "&"}, "InvalidAction", "Could not find operation <x> for version &"),
        ],
    )
    async def test_hostile_forms(self, server: TestServer, fields: dict[str, str], code: str, text: str | None) -> None:
        reply = await form(server, fields)
        assert (reply.status, f"<Code>{code}</Code>".encode() in reply.body) == (400, True)
        if text is not None:
            escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            assert f"<Message>{escaped}</Message>".encode() in reply.body
