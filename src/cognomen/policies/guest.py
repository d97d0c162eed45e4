"""What guests of an identity pool may do at the most: the session policies that Cognito adds to their credentials in the enhanced flow.

The managed policy is AmazonCognitoUnAuthedIdentitiesSessionPolicy, version 3
(https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonCognitoUnAuthedIdentitiesSessionPolicy.html), the other the inline one of
https://docs.aws.amazon.com/cognito/latest/developerguide/iam-roles.html. A guest's role, and either of the two, must allow what a guest does.
The basic flow (GetOpenIdToken, AssumeRoleWithWebIdentity) is not scoped down.
"""

from __future__ import annotations

from functools import cache

from cognomen.policies.document import Policy, parse

MANAGED = """{"Version": "2012-10-17", "Statement": [{"Sid": "CognitoUnAuthedIdentitiesSessionPolicy", "Effect": "Allow", "Action": [
"rum:PutRumEvents", "sagemaker:InvokeEndpoint", "polly:*", "comprehend:*", "translate:*", "transcribe:*", "rekognition:*", "mobiletargeting:*",
"firehose:*", "personalize:*", "geo:GetMap*", "geo:SearchPlaceIndex*", "geo:GetPlace", "geo:CalculateRoute*", "geo:*Geofence",
"geo:*Geofences", "geo:*DevicePosition*", "kms:Encrypt", "kms:Decrypt", "kms:ReEncryptTo", "kms:ReEncryptFrom", "kms:GenerateDataKey",
"kms:GenerateDataKeyPair", "kms:GenerateDataKeyPairWithoutPlaintext", "kms:GenerateDataKeyWithoutPlaintext"], "Resource": "*"}]}"""

INLINE = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["rum:PutRumEvents", "polly:*", "comprehend:*", "translate:*",
"transcribe:*", "rekognition:*", "mobiletargeting:*", "firehose:*", "appsync:*", "personalize:*", "sagemaker:InvokeEndpoint",
"cognito-sync:*", "codewhisperer:*", "textract:DetectDocumentText", "textract:AnalyzeDocument", "sdb:*"], "Resource": ["*"]}]}"""


@cache
def scope_down() -> tuple[Policy, ...]:
    """The two session policies, for `decide(..., session=scope_down())`."""
    return (
        parse(MANAGED, "identity", "AmazonCognitoUnAuthedIdentitiesSessionPolicy"),
        parse(INLINE, "identity", "Amazon Cognito's inline session policy for guests"),
    )
