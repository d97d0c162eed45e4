"""Every error that a caller can see: the modelled ones (generated) and the ones that all AWS services share (by hand).

The common ones are in https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/CommonErrors.html.
"""

from __future__ import annotations

from cognomen.api.failure import ServiceError as ServiceError  # noqa: PLC0414  # the spelling that mypy takes as a re-export
from cognomen.api.modelled_errors import *  # noqa: F403  # the generated classes are part of this module's vocabulary
from cognomen.api.modelled_errors import (
    AccessDeniedException,
    ExpiredTokenException,
    InternalErrorException,
    TooManyRequestsException,
)


class SerializationException(ServiceError):
    query_code = "MalformedInput"


class UnknownOperationException(ServiceError):
    query_code = "InvalidAction"


class MissingAuthenticationTokenException(ServiceError):
    query_code = "MissingAuthenticationToken"
    query_status = 403


class IncompleteSignatureException(ServiceError):
    query_code = "IncompleteSignature"


class InvalidSignatureException(ServiceError):
    query_code = "SignatureDoesNotMatch"
    query_status = 403


class UnrecognizedClientException(ServiceError):
    query_code = "InvalidClientTokenId"
    query_status = 403


class ValidationException(ServiceError):
    query_code = "ValidationError"


class ThrottlingException(ServiceError):
    query_code = "Throttling"


class RequestEntityTooLargeException(ServiceError):
    status = 413
    rest_status = 413
    query_status = 413


class MethodNotAllowedException(ServiceError):
    status = 405
    rest_status = 405
    query_status = 405


COMMON: frozenset[type[ServiceError]] = frozenset(
    {
        AccessDeniedException,
        ExpiredTokenException,
        IncompleteSignatureException,
        InternalErrorException,
        InvalidSignatureException,
        MethodNotAllowedException,
        MissingAuthenticationTokenException,
        RequestEntityTooLargeException,
        SerializationException,
        ThrottlingException,
        TooManyRequestsException,
        UnknownOperationException,
        UnrecognizedClientException,
        ValidationException,
    }
)
"""Errors that any operation may answer with, whatever its model declares."""
