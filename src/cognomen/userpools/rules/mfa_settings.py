"""A pool's MFA and passkey settings: what SetUserPoolMfaConfig replaces, and which settings contradict each other (FIDELITY B.9.70)."""

from __future__ import annotations

import msgspec

from cognomen.api import errors, idp
from cognomen.userpools.rules import message_senders


def replaced(pool: idp.UserPoolType, request: idp.SetUserPoolMfaConfigRequest) -> tuple[idp.UserPoolType, idp.GetUserPoolMfaConfigResponse]:
    """The pool and its MFA settings once the request has replaced them all. Raises InvalidParameterException,
    FeatureUnavailableInTierException.

    The SMS configuration serves verification too, so one that is given is the pool's from then on, and none that is left out is removed.
    """
    asked = request.mfa_configuration or "OFF"
    if asked == "OFF" and (request.sms_mfa_configuration or request.software_token_mfa_configuration or request.email_mfa_configuration):
        raise _invalid("Invalid MFA configuration given, can't turn off MFA and configure an MFA together")
    pool = msgspec.structs.replace(pool, mfa_configuration=asked)
    sms = request.sms_mfa_configuration
    if sms is not None:
        pool.sms_configuration = sms.sms_configuration or pool.sms_configuration
        pool.sms_authentication_message = sms.sms_authentication_message or pool.sms_authentication_message
        if pool.sms_configuration is None:
            raise _invalid("SMS MFA can not be configured as user pool is missing valid SMS configuration")
        sms = idp.SmsMfaConfigType(
            sms_authentication_message=sms.sms_authentication_message or pool.sms_authentication_message,
            sms_configuration=pool.sms_configuration,
        )
    mfa = idp.GetUserPoolMfaConfigResponse(
        sms_mfa_configuration=sms,
        software_token_mfa_configuration=request.software_token_mfa_configuration,
        email_mfa_configuration=request.email_mfa_configuration,
        mfa_configuration=asked,
        web_authn_configuration=request.web_authn_configuration,
    )
    check(pool, mfa)
    message_senders.check(pool)
    return pool, mfa


def check(pool: idp.UserPoolType, mfa: idp.GetUserPoolMfaConfigResponse) -> None:
    """Raises InvalidParameterException, FeatureUnavailableInTierException for settings that cannot stand beside each other."""
    token = mfa.software_token_mfa_configuration
    has_factor = mfa.sms_mfa_configuration or mfa.email_mfa_configuration or (token is not None and token.enabled)
    if pool.mfa_configuration != "OFF" and not has_factor:
        raise _invalid("Invalid MFA Configuration given. SMS MFA, Email MFA, or Software Token MFA must be enabled.")
    _check_first_factors(pool, mfa.web_authn_configuration)
    if mfa.email_mfa_configuration is not None:
        _check_email(pool)
    if mfa.web_authn_configuration is not None and pool.user_pool_tier == "LITE":
        raise errors.FeatureUnavailableInTierException(
            "WebAuthn is not available in this tier. Change the user pool to the Essentials tier."
        )


def _check_first_factors(pool: idp.UserPoolType, passkeys: idp.WebAuthnConfigurationType | None) -> None:
    factors = (pool.policies and pool.policies.sign_in_policy and pool.policies.sign_in_policy.allowed_first_auth_factors) or []
    if "SMS_OTP" in factors and pool.sms_configuration is None:
        raise _invalid("SMS_OTP can not be configured as AuthFactor as user pool is missing valid SMS configuration")
    if pool.mfa_configuration != "ON":
        return
    if {"EMAIL_OTP", "SMS_OTP"} & set(factors):
        raise _invalid("Only PASSWORD and WEB_AUTHN (if configured) can be enabled as an auth factor if MFA is enabled")
    both = passkeys is not None and passkeys.factor_configuration == "MULTI_FACTOR_WITH_USER_VERIFICATION"
    if "WEB_AUTHN" in factors and not both:
        raise _invalid(
            "Cannot set WebAuthn factor configuration to SINGLE_FACTOR if MFA is required and WebAuthn is an allowed first auth factor"
        )


def _check_email(pool: idp.UserPoolType) -> None:
    if pool.user_pool_tier == "LITE":
        raise errors.FeatureUnavailableInTierException(
            "Email MFA is not available in this tier. Change the user pool to the Essentials tier."
        )
    sender = pool.email_configuration.email_sending_account if pool.email_configuration else None
    if (sender or "COGNITO_DEFAULT") == "COGNITO_DEFAULT":
        raise _invalid(
            "Cannot set EmailMfaConfiguration when user pool EmailConfiguration contains an EmailSendingAccount of COGNITO_DEFAULT"
        )


def _invalid(text: str) -> errors.InvalidParameterException:
    return errors.InvalidParameterException(text)
