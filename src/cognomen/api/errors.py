"""Every error that a caller can see: the modelled ones (generated) and the ones that all AWS services share (by hand).

The common ones are in https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/CommonErrors.html.
"""

from __future__ import annotations

from cognomen.api.failure import ServiceError as ServiceError  # noqa: PLC0414  # the spelling that mypy takes as a re-export
from cognomen.api.modelled_errors import *  # noqa: F403  # the generated classes are part of this module's vocabulary
from cognomen.api.modelled_errors import AccessDeniedException, InternalErrorException, TooManyRequestsException


class SerializationException(ServiceError):
    pass


class UnknownOperationException(ServiceError):
    pass


class MissingAuthenticationTokenException(ServiceError):
    pass


class IncompleteSignatureException(ServiceError):
    pass


class InvalidSignatureException(ServiceError):
    pass


class UnrecognizedClientException(ServiceError):
    pass


class ValidationException(ServiceError):
    pass


class ThrottlingException(ServiceError):
    pass


class RequestEntityTooLargeException(ServiceError):
    status = 413
    rest_status = 413


class MethodNotAllowedException(ServiceError):
    status = 405
    rest_status = 405


COMMON: frozenset[type[ServiceError]] = frozenset(
    {
        AccessDeniedException,
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
