"""By which services of AWS a pool's messages leave: EmailConfiguration and SmsConfiguration that no pool can have.

https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_SmsConfigurationType.html
"""

from __future__ import annotations

from cognomen.api import errors, idp
from cognomen.kernel.aws_hosts import is_region


def check(pool: idp.UserPoolType) -> None:
    """Raises InvalidParameterException."""
    email, sms = pool.email_configuration, pool.sms_configuration
    if email is not None and email.source_arn is not None and not is_arn_of(email.source_arn, "ses", "identity/"):
        raise _invalid("SourceArn must be the ARN of an Amazon SES identity.")
    if sms is not None and sms.sns_region is not None and not is_region(sms.sns_region):
        raise _invalid("SnsRegion must be the name of an AWS Region.")
    if sms is not None and sms.sns_caller_arn and sms.eums_sms is not None:
        raise _invalid("SmsConfiguration must have either SnsCallerArn or EumsSms, not both.")


def check_region(pool: idp.UserPoolType, region: str) -> None:
    """AWS End User Messaging SMS is used in the pool's own region alone. Raises InvalidParameterException."""
    eums = pool.sms_configuration.eums_sms if pool.sms_configuration else None
    if eums is not None and eums.region not in (None, region):
        raise _invalid("The Region of EumsSms must be the Region of the user pool.")


def is_arn_of(arn: str, service: str, resource: str) -> bool:
    """Is it an ARN of this service, in a region, and does what it names begin so?"""
    parts = arn.split(":", 5)
    return len(parts) == 6 and parts[0] == "arn" and parts[2] == service and is_region(parts[3]) and parts[5].startswith(resource)


def _invalid(text: str) -> errors.InvalidParameterException:
    return errors.InvalidParameterException(text)
