"""A user pool's settings: AWS's defaults for a new pool, what an update keeps and what it resets, and what contradicts itself.

Optional blocks that were not set stay absent from answers (FIDELITY B.9.67 to 71).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from cognomen.api import errors, idp
from cognomen.storage.pools import PoolSettings, SessionSettings
from cognomen.userpools.rules import lambda_settings, message_senders, message_templates, mfa_settings, password_policy, schema

Update = Callable[[PoolSettings], PoolSettings]

_DAYS = 7
# Members that CreateUserPool, UpdateUserPool and UserPoolType share under one name.
_SHARED = tuple(name for name in idp.UpdateUserPoolRequest.__struct_fields__ if name in idp.UserPoolType.__struct_fields__)
# An update that leaves these out keeps them; every other member goes back to its default, as AWS's documentation warns.
_KEPT = (
    "policies",
    "deletion_protection",
    "mfa_configuration",
    "user_pool_tags",
    "user_pool_tier",
    "key_configuration",
    "issuer_configuration",
    "dcr_configuration",
)
_MESSAGES = (
    ("sms_verification_message", "sms_message"),
    ("email_verification_message", "email_message"),
    ("email_verification_subject", "email_subject"),
)


def complete(request: idp.CreateUserPoolRequest) -> idp.UserPoolType:
    """The settings of a new pool. Raises InvalidParameterException, FeatureUnavailableInTierException."""
    pool = idp.UserPoolType(
        name=request.pool_name,
        schema_attributes=schema.complete(request.schema),
        username_attributes=request.username_attributes or None,
        alias_attributes=request.alias_attributes or None,
        username_configuration=request.username_configuration,
        **{name: getattr(request, name) for name in _SHARED},
    )
    if pool.username_attributes and pool.alias_attributes:
        raise _invalid("Only one of the aliasAttributes or usernameAttributes can be set in a user pool.")
    pool = _with_defaults(_with_one_expiry(pool, None))
    if pool.mfa_configuration != "OFF" and pool.sms_configuration is None:
        raise _invalid("SMS configuration and Auto verification for phone_number are required when MFA is required/optional")
    _check(pool)
    mfa_settings.check(pool, mfa_of(pool))
    return pool


def changed(
    before: idp.UserPoolType, mfa: idp.GetUserPoolMfaConfigResponse, request: idp.UpdateUserPoolRequest
) -> tuple[idp.UserPoolType, idp.GetUserPoolMfaConfigResponse]:
    """Settings and MFA settings after an update. Raises InvalidParameterException, FeatureUnavailableInTierException."""
    asked: dict[str, Any] = {name: getattr(request, name) for name in _SHARED}
    for name in _KEPT:
        if asked[name] is None:
            asked[name] = getattr(before, name)
    if request.policies is not None and before.policies is not None:
        asked["policies"] = idp.UserPoolPolicyType(
            password_policy=request.policies.password_policy or before.policies.password_policy,
            sign_in_policy=request.policies.sign_in_policy or before.policies.sign_in_policy,
        )
    if request.mfa_configuration == "ON" and before.mfa_configuration != "ON":
        raise _invalid("Cannot turn MFA functionality ON, once the user pool has been created.")
    if asked["sms_configuration"] is None and mfa.sms_mfa_configuration is not None:
        asked["sms_configuration"] = before.sms_configuration  # in use: without it MFA, which is kept, could not go on
    after = msgspec.structs.replace(before, name=request.pool_name or before.name, **asked)
    after = _with_defaults(_with_one_expiry(after, None if request.policies else before.policies))
    _check(after)
    mfa = _mfa_after(after, mfa)
    mfa_settings.check(after, mfa)
    return after, mfa


def _with_one_expiry(pool: idp.UserPoolType, kept: idp.UserPoolPolicyType | None) -> idp.UserPoolType:
    """UnusedAccountValidityDays and TemporaryPasswordValidityDays are one setting: the older member stands for the newer where that is
    left out, and must not contradict it. `kept` are the policies that an update without policies keeps. Raises InvalidParameterException."""
    older = (pool.admin_create_user_config and pool.admin_create_user_config.unused_account_validity_days) or None
    policy = pool.policies.password_policy if pool.policies else None
    newer = (policy and policy.temporary_password_validity_days) or None
    if older is None:
        return pool
    if newer is not None and (kept is None or older != newer):
        raise _invalid("Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays")
    policy = msgspec.structs.replace(policy or _password_policy(None), temporary_password_validity_days=older)
    sign_in = pool.policies.sign_in_policy if pool.policies else None
    return msgspec.structs.replace(pool, policies=idp.UserPoolPolicyType(password_policy=policy, sign_in_policy=sign_in))


def _mfa_after(pool: idp.UserPoolType, before: idp.GetUserPoolMfaConfigResponse) -> idp.GetUserPoolMfaConfigResponse:
    if pool.mfa_configuration == "OFF":
        return idp.GetUserPoolMfaConfigResponse(mfa_configuration="OFF", web_authn_configuration=before.web_authn_configuration)
    after = msgspec.structs.replace(before, mfa_configuration=pool.mfa_configuration)
    if pool.sms_configuration is not None and (before.sms_mfa_configuration or before.mfa_configuration == "OFF"):
        # Where other factors were chosen, an SMS configuration that serves verification does not make texts one more of them.
        after.sms_mfa_configuration = mfa_of(pool).sms_mfa_configuration
    return after


def mfa_of(pool: idp.UserPoolType) -> idp.GetUserPoolMfaConfigResponse:
    """The MFA settings that CreateUserPool's own members stand for: SMS, where it is configured and MFA is not off."""
    found = idp.GetUserPoolMfaConfigResponse(mfa_configuration=pool.mfa_configuration)
    if pool.mfa_configuration != "OFF" and pool.sms_configuration is not None:
        found.sms_mfa_configuration = idp.SmsMfaConfigType(
            sms_authentication_message=pool.sms_authentication_message, sms_configuration=pool.sms_configuration
        )
    return found


def _with_defaults(pool: idp.UserPoolType) -> idp.UserPoolType:
    admin = pool.admin_create_user_config or idp.AdminCreateUserConfigType()
    policies = _policies(pool.policies)
    template = pool.verification_message_template or idp.VerificationMessageTemplateType()
    messages: dict[str, str | None] = {}
    both = {}
    for outer, inner in _MESSAGES:
        # AWS keeps the older member and the template's in step.
        text = getattr(template, inner) or getattr(pool, outer)
        messages[outer] = both[inner] = text
    return msgspec.structs.replace(
        pool,
        policies=policies,
        deletion_protection=pool.deletion_protection or "INACTIVE",
        lambda_config=lambda_settings.complete(pool.lambda_config, pool.user_pool_tier),
        auto_verified_attributes=pool.auto_verified_attributes or None,
        verification_message_template=msgspec.structs.replace(
            template, default_email_option=template.default_email_option or "CONFIRM_WITH_CODE", **both
        ),
        mfa_configuration=pool.mfa_configuration or "OFF",
        email_configuration=_email(pool.email_configuration),
        user_pool_tags=pool.user_pool_tags or {},
        admin_create_user_config=msgspec.structs.replace(
            admin,
            allow_admin_create_user_only=bool(admin.allow_admin_create_user_only),
            unused_account_validity_days=policies.password_policy and policies.password_policy.temporary_password_validity_days,
        ),
        user_pool_tier=pool.user_pool_tier or "ESSENTIALS",
        dcr_configuration=_registration(pool.dcr_configuration),
        **messages,
    )


def _email(given: idp.EmailConfigurationType | None) -> idp.EmailConfigurationType:
    email = given or idp.EmailConfigurationType()
    return msgspec.structs.replace(email, email_sending_account=email.email_sending_account or "COGNITO_DEFAULT")


def _registration(given: idp.DcrConfigurationType | None) -> idp.DcrConfigurationType | None:
    """Dynamic client registration is on as soon as it is spoken of."""
    if given is None:
        return None
    return msgspec.structs.replace(given, enable_status=given.enable_status or "Enabled", open_dcr_enabled=bool(given.open_dcr_enabled))


def _policies(given: idp.UserPoolPolicyType | None) -> idp.UserPoolPolicyType:
    sign_in = given.sign_in_policy if given else None
    return idp.UserPoolPolicyType(
        password_policy=_password_policy(given.password_policy if given else None),
        sign_in_policy=idp.SignInPolicyType(allowed_first_auth_factors=(sign_in and sign_in.allowed_first_auth_factors) or ["PASSWORD"]),
    )


def _password_policy(given: idp.PasswordPolicyType | None) -> idp.PasswordPolicyType:
    """Without a policy AWS's own, with every rule; of one that is given, what it leaves out is off."""
    if given is None:
        return password_policy.DEFAULT
    return idp.PasswordPolicyType(
        minimum_length=given.minimum_length or 8,
        require_uppercase=bool(given.require_uppercase),
        require_lowercase=bool(given.require_lowercase),
        require_numbers=bool(given.require_numbers),
        require_symbols=bool(given.require_symbols),
        password_history_size=given.password_history_size,
        temporary_password_validity_days=given.temporary_password_validity_days or _DAYS,
    )


def _check(pool: idp.UserPoolType) -> None:
    factors = (pool.policies and pool.policies.sign_in_policy and pool.policies.sign_in_policy.allowed_first_auth_factors) or []
    if "SOFTWARE_TOKEN" in factors:
        raise _invalid("SOFTWARE_TOKEN is not currently supported as a first auth factor.")
    if "PASSWORD" not in factors:
        raise _invalid("PASSWORD must be included in AllowedFirstAuthFactors.")
    _check_tier(pool, factors)
    levels = acr_levels(pool)
    if len({level.acr_value for level in levels.values()}) < len(levels):
        raise _invalid("AcrConfiguration must give each level a name of its own.")
    _check_aliases(pool)
    _check_key(pool.key_configuration)
    _check_recovery(pool.account_recovery_setting)
    message_templates.check(pool)
    message_senders.check(pool)
    update = pool.user_attribute_update_settings
    first = (update.attributes_require_verification_before_update if update else None) or []
    missing = [name for name in first if name not in (pool.auto_verified_attributes or [])]
    if missing:
        raise _invalid(f"Invalid AttributesRequireVerificationBeforeUpdate: {missing[0]} must be one of AutoVerifiedAttributes.")


def _check_tier(pool: idp.UserPoolType, factors: Sequence[str]) -> None:
    """Raises FeatureUnavailableInTierException for what the pool's feature plan does not hold."""
    add_ons = pool.user_pool_add_ons
    further = add_ons.advanced_security_additional_flows if add_ons else None
    protected = add_ons is not None and (add_ons.advanced_security_mode != "OFF" or (further is not None and further.custom_auth_mode))
    if protected and pool.user_pool_tier != "PLUS":
        raise errors.FeatureUnavailableInTierException(
            "Threat protection is not available in this tier. Change the user pool to the Plus tier."
        )
    if pool.user_pool_tier != "LITE":
        return
    registration = pool.dcr_configuration
    for asked, feature in (
        (set(factors) - {"PASSWORD"}, "Choice-based sign-in"),
        (pool.acr_configuration, "AcrConfiguration"),
        (registration is not None and registration.enable_status == "Enabled", "Dynamic client registration"),
    ):
        if asked:
            raise not_in_lite(feature)


def check_tracking(pool: idp.UserPoolType, sessions: SessionSettings) -> None:
    """Raises FeatureUnavailableInTierException for a pool that tracks sessions and is to become one of the Lite tier."""
    if sessions.tracking and pool.user_pool_tier == "LITE":
        raise not_in_lite("Session management")


def not_in_lite(feature: str) -> errors.FeatureUnavailableInTierException:
    return errors.FeatureUnavailableInTierException(
        f"{feature} is not available in this tier. Change the user pool to the Essentials tier."
    )


def acr_levels(pool: idp.UserPoolType) -> dict[str, idp.AcrLevelConfigType]:
    """The name of each level of authentication, AWS's where the pool gives none of its own."""
    levels = {f"Level{level}": idp.AcrLevelConfigType(acr_value=f"urn:cognito:loa:{level}") for level in range(1, 5)}
    return levels | (pool.acr_configuration or {})


def _check_key(key: idp.KeyConfigurationType | None) -> None:
    """A key of the customer's has an ARN, and AWS's own has none to choose. (Here all is sealed by the server's master key, whatever is named.)"""
    if key is None:
        return
    if key.key_type == "CUSTOMER_MANAGED_KEY" and not key.kms_key_arn:
        raise _invalid("KeyConfiguration of type CUSTOMER_MANAGED_KEY requires KmsKeyArn.")
    if key.key_type != "CUSTOMER_MANAGED_KEY" and key.kms_key_arn:
        raise _invalid("KmsKeyArn requires a KeyConfiguration of type CUSTOMER_MANAGED_KEY.")


def _check_aliases(pool: idp.UserPoolType) -> None:
    """A preferred user name that is an alias comes after the sign-up, so no pool can require it at the sign-up."""
    if "preferred_username" in (pool.alias_attributes or []) and "preferred_username" in schema.required(pool.schema_attributes or []):
        raise _invalid("preferred_username cannot be both required and an alias.")


def _check_recovery(setting: idp.AccountRecoverySettingType | None) -> None:
    mechanisms = (setting.recovery_mechanisms if setting else None) or []
    if len({option.priority for option in mechanisms}) < len(mechanisms) or len({option.name for option in mechanisms}) < len(mechanisms):
        raise _invalid("Account Recovery Setting cannot have duplicate priorities or mechanisms.")
    if len(mechanisms) > 1 and any(option.name == "admin_only" for option in mechanisms):
        raise _invalid("Account Recovery Setting cannot use admin_only setting with any other recovery mechanisms.")


def _invalid(text: str) -> errors.InvalidParameterException:
    return errors.InvalidParameterException(text)
