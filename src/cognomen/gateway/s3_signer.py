"""A request signed for the store with the store's own keys: Signature Version 4 in a header, over what will be sent and nothing else."""

from __future__ import annotations

import hmac
from typing import Final, NamedTuple

from cognomen.wire import sigv4
from cognomen.wire.request import Header

_SIGNED: Final = frozenset((b"host", b"content-type", b"content-md5", b"range"))


class Keys(NamedTuple):
    access_key_id: str
    secret_access_key: str
    session_token: str
    region: str

    def __repr__(self) -> str:
        return f"Keys({self.access_key_id!r}, ***)"


def sign(keys: Keys, method: str, path: str, query: str, headers: list[Header], payload: str, now: float) -> list[Header]:
    """`headers` with what the signature adds. `path` and `query` are in the canonical form, in which they are sent too."""
    at = sigv4.stamp(now)
    signed = [*headers, (b"x-amz-date", at.encode()), (b"x-amz-content-sha256", payload.encode())]
    if keys.session_token:
        signed.append((b"x-amz-security-token", keys.session_token.encode()))
    named = sorted((name, b" ".join(value.split())) for name, value in signed if name in _SIGNED or name.startswith(b"x-amz-"))
    names = b";".join(name for name, _ in named).decode()
    lines = "".join(f"{name.decode('latin-1')}:{value.decode('latin-1')}\n" for name, value in named)
    canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{payload}".encode("latin-1")
    scope = f"{at[:8]}/{keys.region}/s3/aws4_request"
    text = f"{sigv4.ALGORITHM}\n{at}\n{scope}\n{sigv4.sha256(canonical)}".encode()
    key = sigv4.signing_key(keys.secret_access_key, at[:8], keys.region, "s3")
    signature = hmac.digest(key, text, "sha256").hex()
    credential = f"{sigv4.ALGORITHM} Credential={keys.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return [*signed, (b"authorization", credential.encode())]
