"""A pool's LambdaConfig: the old and the new member for PreTokenGeneration kept in step, and what contradicts itself or lacks its key.

https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_LambdaConfigType.html
"""

from __future__ import annotations

import msgspec

from cognomen.api import errors, idp
from cognomen.userpools.rules.message_senders import is_arn_of


def complete(given: idp.LambdaConfigType | None, tier: str | None) -> idp.LambdaConfigType:
    """Raises InvalidParameterException, FeatureUnavailableInTierException."""
    config = given or idp.LambdaConfigType()
    _check_arns(config)
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


def _check_arns(config: idp.LambdaConfigType) -> None:
    """An ARN says where a function is called, and which KMS seals codes: in a region of AWS, nowhere else."""
    for name in config.__struct_fields__:
        value = getattr(config, name)
        arn = value if isinstance(value, str | None) else value.lambda_arn
        service, resource = ("kms", "") if name == "kms_key_id" else ("lambda", "function:")
        if arn is not None and not is_arn_of(arn, service, resource):
            wanted = "a KMS key" if name == "kms_key_id" else "a Lambda function"
            raise errors.InvalidParameterException(f"{msgspec.json.encode(arn).decode()} is not the ARN of {wanted}.")
