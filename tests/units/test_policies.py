"""Policies against a table of cases from AWS's pages, and what no page states: hostile documents, and speed."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from cognomen.policies.document import BadPolicy, Policy, parse, size
from cognomen.policies.evaluate import Decision, Effect, Request, applying, decide, trusts
from cognomen.policies.guest import scope_down
from tests.units import policy_cases as cases

ARN = "arn:aws:s3:::bucket/key"


def policy(*statements: dict[str, Any], version: str = "2012-10-17") -> Policy:
    return parse(json.dumps({"Version": version, "Statement": list(statements)}))


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def effect(decision: Decision) -> str:
    return decision.effect.value


@pytest.mark.parametrize(("operator", "wanted", "given", "expected"), [*cases.CONDITIONS, *cases.MULTI_VALUED])
def test_conditions(operator: str, wanted: Any, given: list[str], expected: bool) -> None:
    """Each operator as the page of operators, or that of keys with several values, states it."""
    document = policy(allow(Condition={operator: {"Some:Key": wanted}}))
    context = {"some:kEY": given} if given else {}
    assert decide([document], Request("s3:GetObject", ARN, context=context)).allowed is expected


@pytest.mark.parametrize(("element", "wanted", "given", "expected", "source"), cases.ACTIONS)
def test_actions(element: str, wanted: Any, given: str, expected: bool, source: str) -> None:
    document = policy({"Effect": "Allow", element: wanted, "Resource": "*"})
    assert decide([document], Request(given, ARN)).allowed is expected, source


@pytest.mark.parametrize(("element", "wanted", "given", "context", "expected", "source"), cases.RESOURCES)
def test_resources(element: str, wanted: Any, given: str, context: dict[str, list[str]], expected: bool, source: str) -> None:
    document = policy({"Effect": "Allow", "Action": "*", element: wanted})
    assert decide([document], Request("s3:GetObject", given, context=context)).allowed is expected, source


@pytest.mark.parametrize(("element", "wanted", "given", "expected"), cases.DENIED)
def test_resources_that_are_denied(element: str, wanted: Any, given: str, expected: bool) -> None:
    """A deny is read as wide as AWS reads it at the most: what it means to keep from everybody is never let through."""
    document = policy(allow(), {"Effect": "Deny", "Action": "*", element: wanted})
    found = decide([document], Request("s3:GetObject", given, context={"aws:userid": ["me"]}))
    assert effect(found) == ("explicitDeny" if expected else "allowed"), cases.RESOURCE


@pytest.mark.parametrize(("element", "wanted", "who", "expected"), cases.PRINCIPALS)
def test_principals(element: str, wanted: Any, who: dict[str, str], expected: bool) -> None:
    document = policy({"Effect": "Allow", element: wanted, "Action": "s3:*", "Resource": "*"})
    assert decide([], Request("s3:GetObject", ARN, who), resource_policy=document).allowed is expected, cases.PRINCIPAL


class TestLogic:
    """reference_policies_evaluation-logic.html"""

    asked = Request("s3:GetObject", ARN, {"AWS": "arn:aws:sts::111122223333:assumed-role/Admin/kim"})

    def test_what_nobody_speaks_of_is_denied(self) -> None:
        assert decide([], self.asked) == Decision(Effect.IMPLICIT_DENY, None)

    def test_an_explicit_deny_wins_wherever_it_stands(self) -> None:
        yes, no = policy(allow()), policy(deny("s3:Get*"))
        assert effect(decide([yes, no], self.asked)) == "explicitDeny"
        assert effect(decide([no, yes], self.asked)) == "explicitDeny"
        assert effect(decide([policy(allow(), deny())], self.asked)) == "explicitDeny"
        assert effect(decide([yes], self.asked, boundary=no)) == "explicitDeny"
        assert effect(decide([yes], self.asked, session=[no])) == "explicitDeny"
        assert effect(decide([yes], self.asked, resource_policy=policy({**deny(), "Principal": "*"}))) == "explicitDeny"

    def test_the_statement_that_decided_is_named(self) -> None:
        document = policy(allow("sqs:*"), allow("s3:Get*", Sid="Reads"))
        assert decide([document], self.asked) == Decision(Effect.ALLOWED, (document, document.statements[1]))

    def test_a_boundary_and_session_policies_limit(self) -> None:
        """Both must allow too; of several session policies one is enough."""
        every, reads, writes = policy(allow()), policy(allow("s3:Get*")), policy(allow("s3:Put*"))
        assert effect(decide([every], self.asked, boundary=reads)) == "allowed"
        assert effect(decide([every], self.asked, boundary=writes)) == "implicitDeny"
        assert effect(decide([every], self.asked, session=[writes])) == "implicitDeny"
        assert effect(decide([every], self.asked, session=[writes, reads])) == "allowed"
        assert effect(decide([every], self.asked, boundary=reads, session=[writes])) == "implicitDeny"
        assert effect(decide([writes], self.asked, session=[every])) == "implicitDeny"

    def test_a_resources_policy_is_bounded_unless_it_names_the_session(self) -> None:
        """ "Permissions granted directly to a session are not limited by a session policy or permissions boundary"."""
        writes = policy(allow("s3:Put*"))
        to_role = policy({**allow(), "Principal": {"AWS": "arn:aws:iam::111122223333:role/Admin"}})
        to_session = policy({**allow(), "Principal": {"AWS": "arn:aws:sts::111122223333:assumed-role/Admin/kim"}})
        assert effect(decide([], self.asked, resource_policy=to_role)) == "allowed"
        assert effect(decide([], self.asked, resource_policy=to_role, session=[writes])) == "implicitDeny"
        assert effect(decide([], self.asked, resource_policy=to_session, session=[writes], boundary=writes)) == "allowed"

    def test_all_conditions_and_keys_must_hold(self) -> None:
        document = policy(allow(Condition={"StringEquals": {"a": "1", "b": "2"}, "Bool": {"c": "true"}}))
        full = {"a": ["1"], "b": ["2"], "c": ["true"]}
        assert decide([document], Request("s3:GetObject", ARN, context=full)).allowed
        for missing in full:
            less = {key: value for key, value in full.items() if key != missing}
            assert not decide([document], Request("s3:GetObject", ARN, context=less)).allowed

    def test_all_applying_statements_are_listed(self) -> None:
        document = policy(allow("s3:*", Sid="A"), deny("s3:Get*", Sid="B"), allow("sqs:*", Sid="C"))
        assert [statement.sid for _, statement in applying([document], self.asked)] == ["B", "A"]


class TestVariables:
    def test_in_conditions(self) -> None:
        document = policy(allow(Condition={"StringLike": {"s3:prefix": ["${aws:username}/*"]}}))
        asked = {"s3:prefix": ["kim/x"], "aws:username": ["kim"]}
        assert decide([document], Request("s3:ListBucket", ARN, context=asked)).allowed
        assert not decide([document], Request("s3:ListBucket", ARN, context={**asked, "aws:username": ["lee"]})).allowed
        assert not decide([document], Request("s3:ListBucket", ARN, context={"s3:prefix": ["kim/x"]})).allowed

    def test_a_negated_operator_holds_against_no_value(self) -> None:
        """ "Inverted condition operators match, as what they test is not like the effectively null value"."""
        document = policy(allow(Condition={"StringNotEquals": {"aws:userid": "${aws:username}"}}))
        assert decide([document], Request("s3:ListBucket", ARN, context={"aws:userid": ["x"]})).allowed

    def test_the_old_version_knows_none(self) -> None:
        """Version 2008-10-17 takes `${aws:username}` as text."""
        document = policy(allow(resource="arn:aws:s3:::b/${aws:username}"), version="2008-10-17")
        context = {"aws:username": ["kim"]}
        assert not decide([document], Request("s3:GetObject", "arn:aws:s3:::b/kim", context=context)).allowed
        assert decide([document], Request("s3:GetObject", "arn:aws:s3:::b/${aws:username}", context=context)).allowed


class TestTrust:
    """The trust policy of role-trust-and-permissions.html."""

    trust = parse(
        json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Federated": "cognito-identity.amazonaws.com"},
                        "Action": "sts:AssumeRoleWithWebIdentity",
                        "Condition": {
                            "StringEquals": {"cognito-identity.amazonaws.com:aud": "us-east-1:pool"},
                            "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"},
                        },
                    }
                ],
            }
        ),
        "trust",
    )

    @pytest.mark.parametrize(
        ("aud", "amr", "provider", "action", "expected"),
        [
            ("us-east-1:pool", ["authenticated"], "cognito-identity.amazonaws.com", "sts:AssumeRoleWithWebIdentity", True),
            ("us-east-1:pool", ["x", "authenticated"], "cognito-identity.amazonaws.com", "sts:AssumeRoleWithWebIdentity", True),
            ("us-east-1:other", ["authenticated"], "cognito-identity.amazonaws.com", "sts:AssumeRoleWithWebIdentity", False),
            ("us-east-1:pool", ["unauthenticated"], "cognito-identity.amazonaws.com", "sts:AssumeRoleWithWebIdentity", False),
            ("us-east-1:pool", [], "cognito-identity.amazonaws.com", "sts:AssumeRoleWithWebIdentity", False),
            ("us-east-1:pool", ["authenticated"], "accounts.google.com", "sts:AssumeRoleWithWebIdentity", False),
            ("us-east-1:pool", ["authenticated"], "cognito-identity.amazonaws.com", "sts:AssumeRoleWithSAML", False),
            ("us-east-1:pool", ["authenticated"], "cognito-identity.amazonaws.com", "sts:TagSession", False),
        ],
    )
    def test_who_may_assume(self, aud: str, amr: list[str], provider: str, action: str, expected: bool) -> None:
        context = {"cognito-identity.amazonaws.com:aud": [aud], "cognito-identity.amazonaws.com:amr": amr}
        asked = Request("", "", {"Federated": provider}, context)
        assert trusts(self.trust, action, asked) is expected, cases.COGNITO_ROLES

    def test_a_deny_counts_first(self) -> None:
        both = [{"Effect": word, "Principal": "*", "Action": "sts:AssumeRole"} for word in ("Allow", "Deny")]
        document = parse(json.dumps({"Version": "2012-10-17", "Statement": both}), "trust")
        assert not trusts(document, "sts:AssumeRole", Request("", "", {"AWS": "arn:aws:iam::111122223333:user/kim"}))


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("s3:GetObject", False),
        ("dynamodb:GetItem", False),
        ("cognito-sync:ListRecords", True),
        ("geo:GetMapTile", True),
        ("geo:CreateMap", False),
        ("kms:Decrypt", True),
        ("kms:CreateKey", False),
        ("textract:DetectDocumentText", True),
        ("textract:StartDocumentAnalysis", False),
        ("rum:PutRumEvents", True),
        ("rum:DeleteAppMonitor", False),
        ("lambda:InvokeFunction", False),
    ],
)
def test_guests_are_scoped_down(action: str, expected: bool) -> None:
    """A role that may all gives a guest what the session policies list, and a role that may nothing gives nothing."""
    assert decide([policy(allow())], Request(action, "*"), session=scope_down()).allowed is expected, cases.GUESTS
    assert not decide([], Request(action, "*"), session=scope_down()).allowed


def test_the_table_is_as_long_as_it_must_be() -> None:
    tables: list[list[Any]] = [cases.CONDITIONS, cases.MULTI_VALUED, cases.ACTIONS, cases.RESOURCES, cases.PRINCIPALS]
    assert sum(map(len, tables)) >= 200


SYNTAX = "Syntax errors in policy."
STATEMENT = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def document_of(*statements: Any, **top: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **top})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", SYNTAX),
        ("{", SYNTAX),
        ("[]", SYNTAX),
        ("null", SYNTAX),
        ('{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}', SYNTAX),
        ("[" * 50_000, SYNTAX),
        ("{" + " " * 200_000 + "}", SYNTAX),
        (document_of(), SYNTAX),
        (document_of(STATEMENT, Version="2013-01-01"), SYNTAX),
        (document_of(STATEMENT, Version=2012), SYNTAX),
        (document_of(STATEMENT, Other="x"), SYNTAX),
        (document_of(STATEMENT, Version="2008-10-17"), "Policy document must be version 2012-10-17 or greater."),
        (json.dumps({"Statement": STATEMENT}), "Policy document must be version 2012-10-17 or greater."),
        (document_of("x"), SYNTAX),
        (document_of({**STATEMENT, "Effect": "allow"}), SYNTAX),
        (document_of({**STATEMENT, "Effect": None}), SYNTAX),
        (document_of({**STATEMENT, "NotAction": "s3:*"}), SYNTAX),
        (document_of({**STATEMENT, "NotResource": "*"}), SYNTAX),
        (document_of({**STATEMENT, "Actions": "s3:*"}), SYNTAX),
        (document_of({**STATEMENT, "Action": 7}), SYNTAX),
        (document_of({"Effect": "Allow", "Resource": "*"}), "Policy statement must contain actions."),
        (document_of({**STATEMENT, "Action": []}), "Policy statement must contain actions."),
        (document_of({"Effect": "Allow", "Action": "s3:*"}), "Policy statement must contain resources."),
        (
            document_of({**STATEMENT, "Action": "GetObject"}),
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (document_of({**STATEMENT, "Action": "s3:a:b"}), "Actions/Condition can contain only one colon."),
        (document_of({**STATEMENT, "Action": "s 3:GetObject"}), "Vendor s 3 is not valid"),
        (document_of({**STATEMENT, "Resource": "bucket"}), 'Resource bucket must be in ARN format or "*".'),
        (document_of({**STATEMENT, "Principal": "*"}), "Policy document should not specify a principal."),
        (document_of({**STATEMENT, "Sid": "a"}, {**STATEMENT, "Sid": "a"}), "Statement IDs (SID) in a single policy must be unique."),
        (document_of({**STATEMENT, "Condition": {"StringEqual": {"a": "b"}}}), SYNTAX),
        (document_of({**STATEMENT, "Condition": {"ForSome:StringEquals": {"a": "b"}}}), SYNTAX),
        (document_of({**STATEMENT, "Condition": {"NullIfExists": {"a": "true"}}}), SYNTAX),
        (document_of({**STATEMENT, "Condition": {"Null": {"a": "perhaps"}}}), SYNTAX),
        (document_of({**STATEMENT, "Condition": {"StringEquals": {"a": {"b": "c"}}}}), SYNTAX),
        (document_of({**STATEMENT, "Condition": {"StringEquals": "a"}}), SYNTAX),
    ],
)
def test_what_is_no_identity_policy(text: str, expected: str) -> None:
    """Texts of IAM's MalformedPolicyDocument, as moto's policy_validation.py records them from AWS."""
    with pytest.raises(BadPolicy) as refused:
        parse(text, "identity")
    assert str(refused.value) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"Resource": "*"}, "Has prohibited field Resource."),
        ({"Principal": None}, "Missing required field Principal."),
        ({"Action": "s3:GetObject"}, "AssumeRole policy may only specify STS AssumeRole actions."),
        ({"Action": "*"}, "AssumeRole policy may only specify STS AssumeRole actions."),
        ({"Principal": {"AWS": "kim"}}, 'Invalid principal in policy: "AWS":"kim"'),
        ({"Principal": {"Aws": "*"}}, SYNTAX),
        ({"Principal": {}}, SYNTAX),
    ],
)
def test_what_is_no_trust_policy(change: dict[str, Any], expected: str) -> None:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole", **change}
    with pytest.raises(BadPolicy) as refused:
        parse(document_of({key: value for key, value in statement.items() if value is not None}), "trust")
    assert str(refused.value) == expected


def test_white_space_does_not_count() -> None:
    assert size(' {\n\t"a" : 1 }\r\n') == 7


def test_no_pattern_makes_a_request_slow() -> None:
    """What would take a backtracking matcher hours: many stars, and a long text that nearly fits."""
    document = policy(allow(resource="arn:aws:s3:::" + "*a" * 500 + "b"), allow(resource="arn:aws:s3:::" + "*?a?" * 200 + "b"))
    started = time.perf_counter()
    assert not decide([document], Request("s3:GetObject", "arn:aws:s3:::" + "a" * 20_000)).allowed
    assert time.perf_counter() - started < 2


def test_a_decision_is_quick() -> None:
    """Ten statements, of which the last allows: well under a millisecond even on a busy machine (some 50 us on an idle one)."""
    others = [allow(f"sqs:Action{number}", f"arn:aws:sqs:*:*:queue{number}") for number in range(9)]
    document = policy(*others, allow("s3:Get*", cases._HOME, Condition={"Bool": {"aws:SecureTransport": "true"}}))
    context = {cases._SUB: ["us-east-1:1"], "aws:SecureTransport": ["true"]}
    asked = Request("s3:GetObject", "arn:aws:s3:::bucket/us-east-1:1/x", context=context)
    best = 1.0
    for _ in range(50):
        started = time.perf_counter()
        assert decide([document], asked).allowed
        best = min(best, time.perf_counter() - started)
    print(f"{best * 1e6:.0f} us")
    assert best < 0.0005
