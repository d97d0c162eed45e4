"""The registry of operations and the generated vocabulary."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from botocore import xform_name

from cognomen.api import errors, identity, idp, model, sync
from cognomen.api.operation import Registry, snake
from cognomen.api.structure import Structure

MODULES = {"cognito-idp": idp, "cognito-identity": identity, "cognito-sync": sync}


async def admin_get_user(cx: Any, request: idp.AdminGetUserRequest) -> idp.AdminGetUserResponse:
    return idp.AdminGetUserResponse(username=request.username)


async def initiate_auth(cx: Any, request: idp.InitiateAuthRequest) -> None:
    return None


def test_names_are_spelled_as_botocore_spells_them() -> None:
    """Every operation of the three services has the Python name that boto3 gives it; 141, 23 and 17 of them."""
    counts = []
    for service in MODULES:
        operations = model.load(service).operations
        counts.append(len(operations))
        assert [xform_name(name) for name in operations] == [snake(name) for name in operations]
    assert counts == [141, 23, 17]


def test_an_operation_knows_its_model() -> None:
    """Types, errors, target and auth type come from the model."""
    registry = Registry()
    signed = registry.add("cognito-idp", admin_get_user)
    unsigned = registry.add("cognito-idp", initiate_auth)
    assert (signed.name, signed.request_type, signed.response_type) == ("AdminGetUser", idp.AdminGetUserRequest, idp.AdminGetUserResponse)
    assert errors.UserNotFoundException in signed.errors
    assert errors.UsernameExistsException not in signed.errors
    assert (signed.unsigned, unsigned.unsigned) == (False, True)
    assert registry.by_target[b"AWSCognitoIdentityProviderService.AdminGetUser"] is signed


def test_34_operations_need_no_signature() -> None:
    """The unsigned operations of user pools are the 34 that AWS's SDKs call without credentials."""
    assert sum(operation.authtype == "none" for operation in model.load("cognito-idp").operations.values()) == 34


def test_only_reading_operations_are_readonly() -> None:
    """A read-only key may Get, List and Describe, but may not have identities made and tokens handed out."""

    async def get_open_id_token_for_developer_identity(cx: Any, request: identity.GetOpenIdTokenForDeveloperIdentityInput) -> None: ...

    async def admin_delete_user(cx: Any, request: idp.AdminDeleteUserRequest) -> None: ...

    registry = Registry()
    assert registry.add("cognito-idp", admin_get_user).readonly
    assert not registry.add("cognito-idp", admin_delete_user).readonly
    assert not registry.add("cognito-identity", get_open_id_token_for_developer_identity).readonly


def test_a_name_is_registered_once() -> None:
    """Two handlers of one operation are a mistake that must show at import."""
    registry = Registry()
    registry.add("cognito-idp", admin_get_user)
    with pytest.raises(TypeError, match="AdminGetUser is registered twice"):
        registry.add("cognito-idp", admin_get_user)


def test_a_name_that_the_model_lacks_is_refused() -> None:
    """A misspelled handler would never be called."""

    async def admin_got_user(cx: Any, request: idp.AdminGetUserRequest) -> None: ...

    with pytest.raises(TypeError, match="admin_got_user is no operation of cognito-idp"):
        Registry().add("cognito-idp", admin_got_user)


def test_the_annotation_must_be_the_operations_type() -> None:
    """A handler that says it takes another request is refused."""

    async def admin_enable_user(cx: Any, request: idp.AdminGetUserRequest) -> None: ...

    with pytest.raises(TypeError, match="admin_enable_user takes AdminEnableUserRequest"):
        Registry().add("cognito-idp", admin_enable_user)


def test_op_takes_handlers_of_service_packages_only() -> None:
    """The service is read from the module's package, so a handler elsewhere has none."""
    with pytest.raises(TypeError, match="is in no service's package"):
        Registry().op(admin_get_user)


def test_decode_and_encode() -> None:
    """Members are snake_case inside and AWS's outside; what is unset does not appear; times are numbers."""
    operation = Registry().add("cognito-idp", admin_get_user)
    request = operation.decode({"UserPoolId": "us-east-1_abc", "Username": "a"})
    assert request == idp.AdminGetUserRequest(user_pool_id="us-east-1_abc", username="a")
    response = idp.AdminGetUserResponse(username="a", user_create_date=1700000000.25, mfa_options=[])
    assert msgspec.json.decode(operation.encode(response)) == {"Username": "a", "UserCreateDate": 1700000000.25, "MFAOptions": []}
    assert operation.encode(None) == b"{}"


def test_identity_pools_refuse_with_validation_exception() -> None:
    """Cognito Identity words violations alike but calls them ValidationException (getmoto/moto #1979)."""

    async def create_identity_pool(cx: Any, request: identity.CreateIdentityPoolInput) -> None: ...

    operation = Registry().add("cognito-identity", create_identity_pool)
    with pytest.raises(errors.ValidationException) as raised:
        operation.decode({"IdentityPoolName": "test/pool", "AllowUnauthenticatedIdentities": False})
    assert raised.value.message == (
        "1 validation error detected: Value 'test/pool' at 'identityPoolName' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\w\s+=,.@-]+"
    )


@pytest.mark.parametrize("service", list(MODULES))
def test_generated_types_have_the_models_members(service: str) -> None:
    """Each type has exactly the members of its shape, required ones without a default, and its annotations resolve."""
    module: ModuleType = MODULES[service]
    seen = 0
    shapes = model.load(service).shapes
    for name, kind in vars(module).items():
        if isinstance(kind, type) and issubclass(kind, Structure) and kind is not Structure:
            fields = {field.encode_name: field.required for field in msgspec.structs.fields(kind)}
            assert fields == {wire: wire in shapes[name].required for wire in shapes[name].members}, name
            seen += 1
    assert seen > 30


def test_errors_have_their_status_and_members() -> None:
    """Errors are 400, the services' own faults 500; Cognito Sync has statuses of its own."""
    assert (errors.ResourceNotFoundException.status, errors.ResourceNotFoundException.rest_status) == (400, 404)
    assert errors.InternalErrorException.status == 500
    assert errors.RequestEntityTooLargeException.status == 413
    error = errors.InvalidParameterException("text", reason_code="why")
    assert (error.code, error.message, error.extra) == ("InvalidParameterException", "text", {"reasonCode": "why"})
    with pytest.raises(TypeError):
        errors.NotAuthorizedException("text", reason_code="why")


def test_generated_files_are_up_to_date() -> None:
    """tools/generate.py would write what is committed."""
    tool = Path(__file__).parents[2] / "tools" / "generate.py"
    assert subprocess.run([sys.executable, str(tool), "--check"], check=False).returncode == 0
