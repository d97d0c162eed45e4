"""Validation against the service model: every violation in one message, in AWS's words, secrets hidden."""

from __future__ import annotations

import random
import string
import time
from typing import Any

import pytest

from cognomen.api import errors, model, shapes
from cognomen.api.patterns import in_python, matcher

IDP = model.load("cognito-idp")
CLIENT = "6upe6ndundkv7f5i9jlo6a8p2t"
POOL = "us-east-1_AbCdEfGhI"


def validate(shape: str, raw: Any, service: str = "cognito-idp") -> dict[str, Any]:
    return shapes.validator(model.load(service), shape, errors.InvalidParameterException)(raw)


def violations(shape: str, raw: Any, service: str = "cognito-idp") -> str:
    with pytest.raises(errors.InvalidParameterException) as raised:
        validate(shape, raw, service)
    return raised.value.message


def serialization(shape: str, raw: Any, service: str = "cognito-idp") -> str:
    with pytest.raises(errors.SerializationException) as raised:
        validate(shape, raw, service)
    return raised.value.message


def test_every_violation_is_listed() -> None:
    """Both members are reported, shortest length before pattern, and a user name is not echoed (LambStatus #6)."""
    expected = (
        "3 validation errors detected: "
        "Value 'nonsense' at 'userPoolId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w-]+_[0-9a-zA-Z]+; "
        "Value at 'username' failed to satisfy constraint: Member must have length greater than or equal to 1; "
        "Value at 'username' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\p{L}\\p{M}\\p{S}\\p{N}\\p{P}]+"
    )
    assert expected == violations("AdminGetUserRequest", {"UserPoolId": "nonsense", "Username": ""})


def test_wrong_pool_id_as_aws_words_it() -> None:
    """The text of anomalyco/guide #127, captured from the live service."""
    expected = (
        "1 validation error detected: Value 'YOUR_USER_POOL_ID!' at 'userPoolId' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [\\w-]+_[0-9a-zA-Z]+"
    )
    assert expected == violations("AdminGetUserRequest", {"UserPoolId": "YOUR_USER_POOL_ID!", "Username": "a"})


def test_client_id_is_shown_though_the_model_calls_it_sensitive() -> None:
    """terraform-provider-aws #38167 shows the live text with the value."""
    expected = (
        "2 validation errors detected: Value '' at 'clientId' failed to satisfy constraint: Member must have length greater than or equal to 1; "
        "Value '' at 'clientId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+]+"
    )
    assert expected == violations("DescribeUserPoolClientRequest", {"UserPoolId": POOL, "ClientId": ""})


def test_password_is_never_in_the_message() -> None:
    """A secret that breaks its pattern is described without its value (amazon-cognito-identity-js #388)."""
    message = violations("SignUpRequest", {"ClientId": CLIENT, "Username": "alice", "Password": "my secret"})
    assert (
        message
        == "1 validation error detected: Value at 'password' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\S]+"
    )


def test_missing_and_null_members_are_the_same() -> None:
    """JSON null means absent: a required member that is null is reported as one that is missing."""
    expected = "1 validation error detected: Value null at 'username' failed to satisfy constraint: Member must not be null"
    assert expected == violations("AdminGetUserRequest", {"UserPoolId": POOL})
    assert expected == violations("AdminGetUserRequest", {"UserPoolId": POOL, "Username": None})


def test_optional_null_and_unknown_members_pass() -> None:
    """An optional null is absent, a member that the model lacks is ignored."""
    raw = {"UserPoolId": POOL, "Limit": None, "Frobnicate": {"a": [1]}}
    assert raw == validate("ListUsersRequest", dict(raw))


def test_null_entries_of_a_map_are_absent() -> None:
    """Maps lose their null entries, so that a handler sees strings only."""
    raw = {"ClientId": CLIENT, "AuthFlow": "USER_SRP_AUTH", "AuthParameters": {"USERNAME": "a", "SECRET_HASH": None}}
    assert validate("InitiateAuthRequest", raw)["AuthParameters"] == {"USERNAME": "a"}


def test_path_into_a_list_of_structures() -> None:
    """Elements are counted from one and `member` stands between (amplify-flutter #3125): pattern before longest length."""
    name = "Map Entry(" + "x" * 30
    message = violations(
        "SignUpRequest",
        {
            "ClientId": CLIENT,
            "Username": "a",
            "Password": "secret",
            "UserAttributes": [{"Name": "email", "Value": "a@b"}, {"Name": name + "\x01"}],
        },
    )
    pattern = IDP.shapes["AttributeNameType"].pattern
    expected = (
        f"2 validation errors detected: Value '{name}\x01' at 'userAttributes.2.member.name' failed to satisfy constraint: "
        f"Member must satisfy regular expression pattern: {pattern}; "
        f"Value '{name}\x01' at 'userAttributes.2.member.name' failed to satisfy constraint: Member must have length less than or equal to 32"
    )
    assert expected == message


def test_enum() -> None:
    """A single member outside its enum names the allowed values."""
    expected = (
        "1 validation error detected: Value 'MAYBE' at 'mfaConfiguration' failed to satisfy constraint: Member must satisfy enum value set: "
        f"[{', '.join(IDP.shapes['UserPoolMfaType'].enum or ())}]"
    )
    assert expected == violations("SetUserPoolMfaConfigRequest", {"UserPoolId": POOL, "MfaConfiguration": "MAYBE"})


def test_enum_in_a_list() -> None:
    """A list of scalars is shown whole, with the constraint of its elements in brackets (aws-solutions/media-insights-on-aws #199)."""
    expected = (
        "1 validation error detected: Value '[ALLOW_X, USER_PASSWORD_AUTH]' at 'explicitAuthFlows' failed to satisfy constraint: "
        f"Member must satisfy constraint: [Member must satisfy enum value set: [{', '.join(IDP.shapes['ExplicitAuthFlowsType'].enum or ())}]]"
    )
    raw = {"UserPoolId": POOL, "ClientName": "x", "ExplicitAuthFlows": ["ALLOW_X", "USER_PASSWORD_AUTH"]}
    assert expected == violations("CreateUserPoolClientRequest", raw)


def test_map_value() -> None:
    """The text of aws-cdk #31795, captured from Cognito Identity: the map whole, longest before shortest before pattern."""
    expected = (
        "1 validation error detected: Value '{accounts.google.com=1.apps.googleusercontent.com, graph.facebook.com=12 }' at 'supportedLoginProviders' "
        "failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 128, "
        "Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [\\w.;_/-]+]"
    )
    providers = {"accounts.google.com": "1.apps.googleusercontent.com", "graph.facebook.com": "12 "}
    raw = {"IdentityPoolName": "x", "AllowUnauthenticatedIdentities": False, "SupportedLoginProviders": providers}
    assert expected == violations("CreateIdentityPoolInput", raw, "cognito-identity")


def test_map_key() -> None:
    """A key outside its constraint is reported once for the map."""
    message = violations(
        "TagResourceRequest", {"ResourceArn": "arn:aws:cognito-idp:us-east-1:000000000000:userpool/x", "Tags": {"k" * 129: "v"}}
    )
    assert (
        "at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 128"
        in message
    )
    assert message.startswith("1 validation error detected: ")


def test_list_length() -> None:
    """A list that is too long says so; the structures in it are not dumped."""
    raw = {"PoolName": "x", "Schema": [{"Name": "a"}] * 51}
    expected = (
        "1 validation error detected: Value at 'schema' failed to satisfy constraint: Member must have length less than or equal to 50"
    )
    assert expected == violations("CreateUserPoolRequest", raw)


def test_number_bounds() -> None:
    """Numbers have values, not lengths."""
    expected = (
        "1 validation error detected: Value '61' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 60"
    )
    assert expected == violations("ListUsersRequest", {"UserPoolId": POOL, "Limit": 61})
    low = (
        "1 validation error detected: Value '-1' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 0"
    )
    assert low == violations("ListUsersRequest", {"UserPoolId": POOL, "Limit": -1})


def test_null_element_of_a_list() -> None:
    """A list holds no null: handlers never meet None among strings."""
    expected = "1 validation error detected: Value null at 'attributesToGet.2.member' failed to satisfy constraint: Member must not be null"
    assert expected == violations("ListUsersRequest", {"UserPoolId": POOL, "AttributesToGet": ["email", None]})


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"UserPoolId": 5}, "NUMBER_VALUE can not be converted to a String"),
        ({"UserPoolId": True}, "TRUE_VALUE can not be converted to a String"),
        ({"UserPoolId": False}, "FALSE_VALUE can not be converted to a String"),
        ({"UserPoolId": 1.5}, "DECIMAL_VALUE can not be converted to a String"),
        ({"UserPoolId": {"a": 1}}, "Start of structure or map found where not expected."),
        ({"UserPoolId": ["a"]}, "Start of list found where not expected"),
        ({"Limit": "5"}, "STRING_VALUE can not be converted to an Integer"),
        ({"Limit": 1 << 31}, "NUMBER_VALUE can not be converted to an Integer"),
        ({"Limit": True}, "TRUE_VALUE can not be converted to an Integer"),
        ({"AttributesToGet": "email"}, "Expected list or null"),
        ({"AttributesToGet": {}}, "Start of structure or map found where not expected."),
        ({"AttributesToGet": [1]}, "NUMBER_VALUE can not be converted to a String"),
        ([], "Start of list found where not expected"),
        ("x", "Expected map or null"),
    ],
)
def test_wrong_json_type(raw: Any, expected: str) -> None:
    """A wrong JSON type is a SerializationException, before any constraint is looked at."""
    assert expected == serialization("ListUsersRequest", raw)


def test_wrong_type_of_a_map_and_its_values() -> None:
    """The text of amplify-js #4738: a map's place takes a map or null."""
    raw: dict[str, Any] = {"ClientId": CLIENT, "AuthFlow": "USER_SRP_AUTH", "AuthParameters": "x"}
    assert serialization("InitiateAuthRequest", raw) == "Expected map or null"
    raw["AuthParameters"] = {"USERNAME": {"a": 1}}
    assert serialization("InitiateAuthRequest", raw) == "Start of structure or map found where not expected."


def test_wrong_type_wins_over_violations() -> None:
    """A body that cannot be read is not judged: one SerializationException though a pattern is broken before it."""
    assert serialization("ListUsersRequest", {"UserPoolId": "!", "Limit": "5"}) == "STRING_VALUE can not be converted to an Integer"


def test_length_counts_code_points() -> None:
    """128 characters outside the basic plane are 128, not 256."""
    assert validate("AdminGetUserRequest", {"UserPoolId": POOL, "Username": "\U0001f600" * 128})
    message = violations("AdminGetUserRequest", {"UserPoolId": POOL, "Username": "\U0001f600" * 129})
    assert message.endswith("Member must have length less than or equal to 128")


def test_a_hostile_list_gets_a_bounded_answer() -> None:
    """However many elements are wrong, at most 100 violations are listed, and soon."""
    began = time.perf_counter()
    message = violations("SignUpRequest", {"ClientId": CLIENT, "Username": "a", "Password": "x", "UserAttributes": [{}] * 300_000})
    assert message.startswith("100 validation errors detected: ")
    assert time.perf_counter() - began < 1


def test_blob() -> None:
    """A blob is base64; anything else is unreadable."""
    asset = {"Category": "FAVICON_ICO", "ColorMode": "LIGHT", "Extension": "ICO", "Bytes": "aGk="}
    raw = {"UserPoolId": POOL, "ManagedLoginBrandingId": "", "Assets": [asset]}
    raw["ManagedLoginBrandingId"] = "4c8ba85d-1d9f-4d70-a4de-0a1e2a5b6c7d"
    assert validate("UpdateManagedLoginBrandingRequest", raw) == raw
    asset["Bytes"] = "not base64"
    assert serialization("UpdateManagedLoginBrandingRequest", raw) == "Invalid Base64 character or padding."


def test_java_classes_are_ascii() -> None:
    """In Java \\w, \\d and \\s know ASCII only, so a pool id of Greek letters is refused; \\p{L} knows them."""
    assert matcher(r"[\w-]+_[0-9a-zA-Z]+")("αβγ_abc") is None
    assert matcher(r"[\w-]+_[0-9a-zA-Z]+")("us-east-1_abc") is not None
    assert matcher(r"\d+")("١٢") is None
    assert matcher(r"[\S]+")("a\u00a0b") is not None
    assert matcher(r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+")("αβγ") is not None
    assert matcher(r"[\p{L}\p{M}\p{S}\p{N}\p{P}\s]+")("a\u00a0b") is None


def test_patterns_take_the_whole_value() -> None:
    """A trailing line feed is no part of an anchored pattern, and a dot takes none of Java's line terminators."""
    assert matcher("^[0-9a-fA-F]+$")("ab\n") is None
    assert matcher(r".*\{####\}.*")("your code {####}") is not None
    assert matcher(r".*\{####\}.*")("your\u2028code {####}") is None
    assert matcher("(?s).*")("two\nlines") is not None
    assert in_python(r"[\S]+") == r"[\S]+"


def test_a_slow_pattern_gives_up() -> None:
    """A quadratic pattern on a hostile value ends as a mismatch instead of a hung server."""
    pattern = IDP.shapes["EmailAddressType"].pattern or ""
    began = time.perf_counter()
    assert matcher(pattern)("@" * 300_000 + " ") is None
    assert time.perf_counter() - began < 2
    assert matcher(pattern)("a@b.example") is not None


@pytest.mark.parametrize("service", list(model.VERSIONS))
def test_accept_and_explain_agree(service: str) -> None:
    """For random bodies of every operation, the fast answer is yes exactly where the slow one finds nothing wrong."""
    of = model.load(service)
    dice = random.Random(20260101)
    verdicts = {True: 0, False: 0}
    for operation in of.operations.values():
        check = shapes.compiled(of, operation.input.shape, {})
        for _ in range(25):
            raw = sample(of, operation.input.shape, dice, 0)
            found: list[str] = []
            try:
                check.explain(raw, "", found)
                fine = not found
            except errors.SerializationException:
                fine = False
            verdicts[fine] += 1
            assert check.accept(raw) is fine, (operation.name, raw, found)
    assert verdicts[True] > 5
    assert verdicts[False] > 5


def sample(of: model.ServiceModel, name: str, dice: random.Random, depth: int) -> Any:
    """Mostly plausible values of a shape, sometimes wrong ones."""
    shape = of.shapes[name]
    if dice.random() < 0.02:
        return dice.choice([None, 1, "", [], {}, True, "x" * 3000])
    match shape.type:
        case "structure":
            wanted = [w for w in shape.members if w in shape.required or dice.random() < 0.1]
            return {wire: sample(of, shape.members[wire].shape, dice, depth + 1) for wire in wanted}
        case "list":
            assert shape.member
            return [sample(of, shape.member.shape, dice, depth + 1) for _ in range(dice.choice([shape.min or 0, 1, 2]))]
        case "map":
            assert shape.value
            return {"k": sample(of, shape.value.shape, dice, depth + 1)} if dice.random() < 0.5 else {}
        case "boolean":
            return dice.random() < 0.5
        case "blob":
            return "aGk="
        case "string":
            if shape.enum:
                return dice.choice(shape.enum)
            known = ["us-east-1_abc", "us-east-1:0a-f", "abc", "123456", CLIENT, "arn:aws:iam::000000000000:role/x", "hello {####}", POOL]
            fitting = [k for k in known if shapes.Text(shape).accept(k)]
            return dice.choice(fitting or ["".join(dice.choices(string.ascii_letters, k=shape.min or 1))])
        case _:
            return shape.min if shape.min is not None else 1
