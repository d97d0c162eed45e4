"""The key under which codes reach custom senders: a pool's KMSKeyID, in AWS KMS or what stands for it, or here, derived from the master key.

Here it is the raw AES key of 32 bytes that `cognomen keys sender` prints, for the function to decrypt with.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import partial

from cognomen.kernel import encryption_message
from cognomen.kernel.aws import Aws, AwsError
from cognomen.kernel.secrets import Sealer
from cognomen.kernel.threads import Threads
from cognomen.triggers.runner import NoKey

NAMESPACE = "cognomen"
_PURPOSE = "custom sender key"


class SenderKeys:
    def __init__(self, sealer: Sealer, aws: Aws, threads: Threads, *, by_kms: bool) -> None:
        self._sealer = sealer
        self._aws = aws
        self._threads = threads
        self._by_kms = by_kms

    async def encrypt(self, key_arn: str, pool_id: str, text: str) -> str:
        """The code as base64 of a message of the AWS Encryption SDK, bound to the pool. Raises NoKey."""
        context = {"userpool-id": pool_id}
        if not self._by_kms:
            wrap = encryption_message.raw_aes(NAMESPACE, key_arn, local_key(self._sealer, key_arn))
            return base64.b64encode(encryption_message.encrypt(text.encode(), context, wrap)).decode()
        try:
            sealed = await self._threads.run(partial(encryption_message.encrypt, text.encode(), context, self._wrap_by(key_arn)))
        except (AwsError, KeyError, ValueError) as cause:
            raise NoKey(str(cause)) from cause
        return base64.b64encode(sealed).decode()

    def _wrap_by(self, key_arn: str) -> encryption_message.Wrap:
        region = key_arn.split(":")[3]

        def wrap(context: Mapping[str, str]) -> tuple[bytes, encryption_message.DataKey]:
            request = {"KeyId": key_arn, "NumberOfBytes": 32, "EncryptionContext": dict(context)}
            made = self._aws.call("kms", region, "TrentService.GenerateDataKey", request)
            wrapped = base64.b64decode(made["CiphertextBlob"])
            return base64.b64decode(made["Plaintext"]), encryption_message.DataKey(b"aws-kms", key_arn.encode(), wrapped)

        return wrap


def local_key(sealer: Sealer, key_arn: str) -> bytes:
    """32 bytes that are the same as long as the master key is."""
    return sealer.mac(_PURPOSE, key_arn.encode())
