"""A pool's LambdaConfig: the old and the new member for PreTokenGeneration kept in step, and what contradicts itself or lacks its key.

https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_LambdaConfigType.html
"""

from __future__ import annotations

import msgspec

from cognomen.api import errors, idp


def complete(given: idp.LambdaConfigType | None, tier: str | None) -> idp.LambdaConfigType:
    """Raises InvalidParameterException, FeatureUnavailableInTierException."""
    config = given or idp.LambdaConfigType()
    if (config.custom_email_sender or config.custom_sms_sender) and not config.kms_key_id:
        raise errors.InvalidParameterException("KMSKeyID is required for custom sender Lambda triggers.")
    versioned = config.pre_token_generation_config
    if versioned is None:
        return config
    if config.pre_token_generation not in (None, versioned.lambda_arn):
        raise errors.InvalidParameterException("PreTokenGeneration and the LambdaArn of PreTokenGenerationConfig must be identical.")
    if tier == "LITE" and versioned.lambda_version != "V1_0":
        raise errors.FeatureUnavailableInTierException(
            "Access token customization is not available in this tier. Change the user pool to the Essentials tier."
        )
    return msgspec.structs.replace(config, pre_token_generation=versioned.lambda_arn)
