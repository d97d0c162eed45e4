"""Unmodified boto3 and the AWS CLI, with credentials of this server, against an S3 server behind the gateway."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from cognomen.kernel.clock import SystemClock
from cognomen.kernel.secrets import MasterKey, Sealer
from cognomen.tokens import credentials
from tests.clients.conftest import App
from tests.kit.gateway import ALL, STORE_KEYS, Stage, allow, assumed, raw, refusal, role, s3, staged


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("gateway") / "data") as stage:
        yield stage


def test_what_is_put_through_the_gateway_lies_in_the_store(stage: Stage) -> None:
    """And is read, listed, copied and deleted there, with every name's characters as they were given."""
    mine = s3(stage.url, stage.everything)
    for key in ("plain.txt", "a b/ü+&=;,:@$!'()*.txt", "percent%20/%41"):
        mine.put_object(Bucket="files", Key=key, Body=b"hello", Metadata={"my_key": "v"}, ContentType="text/x")
        found = stage.store.get_object(Bucket="files", Key=key)
        assert (found["Body"].read(), found["Metadata"], found["ContentType"]) == (b"hello", {"my_key": "v"}, "text/x")
        assert mine.get_object(Bucket="files", Key=key)["Body"].read() == b"hello"
        assert mine.head_object(Bucket="files", Key=key)["ContentLength"] == 5
    assert mine.get_object(Bucket="files", Key="plain.txt", Range="bytes=1-2")["Body"].read() == b"el"
    etag = mine.head_object(Bucket="files", Key="plain.txt")["ETag"]
    assert refusal(mine.get_object, Bucket="files", Key="plain.txt", IfNoneMatch=etag)[0] == "304"
    mine.copy_object(Bucket="files", Key="copy/ü.txt", CopySource={"Bucket": "files", "Key": "a b/ü+&=;,:@$!'()*.txt"})
    assert stage.store.get_object(Bucket="files", Key="copy/ü.txt")["Body"].read() == b"hello"
    assert [one["Key"] for one in mine.list_objects_v2(Bucket="files", Prefix="copy/")["Contents"]] == ["copy/ü.txt"]
    mine.delete_object(Bucket="files", Key="copy/ü.txt")
    assert stage.store.list_objects_v2(Bucket="files", Prefix="copy/")["KeyCount"] == 0
    assert [one["Name"] for one in mine.list_buckets()["Buckets"]] == ["files"]


def test_each_in_their_own_folder(stage: Stage) -> None:
    """The FAQ's example, with a session's own name as the variable; denials name who, what and where."""
    arn = role(
        stage.live,
        "Own",
        allow(
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
                "Resource": "arn:aws:s3:::files/${aws:userid}/*",
            },
            {
                "Effect": "Allow",
                "Action": "s3:ListBucket",
                "Resource": "arn:aws:s3:::files",
                "Condition": {"StringLike": {"s3:prefix": "${aws:userid}/*"}},
            },
            {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::files/*/locked"},
        ),
    )
    role_id = stage.live.boto(service="iam").get_role(RoleName="Own")["Role"]["RoleId"]
    kim, lee = (s3(stage.url, assumed(stage.live, arn, name)) for name in ("kim", "lee"))
    own = f"{role_id}:kim"
    kim.put_object(Bucket="files", Key=f"{own}/a", Body=b"1")
    assert kim.list_objects_v2(Bucket="files", Prefix=f"{own}/")["KeyCount"] == 1
    who = "User: arn:aws:sts::000000000000:assumed-role/Own/lee is not authorized to perform:"
    where = f'on resource: "arn:aws:s3:::files/{own}/a" because no identity-based policy allows the'
    assert refusal(lee.get_object, Bucket="files", Key=f"{own}/a") == ("AccessDenied", f"{who} s3:GetObject {where} s3:GetObject action")
    assert refusal(lee.put_object, Bucket="files", Key=f"{own}/a", Body=b"2") == (
        "AccessDenied",
        f"{who} s3:PutObject {where} s3:PutObject action",
    )
    assert refusal(lee.list_objects_v2, Bucket="files", Prefix=f"{own}/")[0] == "AccessDenied"
    assert refusal(kim.list_objects_v2, Bucket="files")[0] == "AccessDenied"
    assert refusal(lee.copy_object, Bucket="files", Key=f"{role_id}:lee/a", CopySource=f"files/{own}/a")[0] == "AccessDenied"
    assert refusal(kim.get_object, Bucket="files", Key=f"{own}/locked")[1].endswith("with an explicit deny in an identity-based policy")
    assert refusal(kim.get_object_acl, Bucket="files", Key=f"{own}/a")[0] == "AccessDenied"
    assert refusal(kim.put_object, Bucket="files", Key=f"{own}/b", Body=b"", ACL="public-read")[0] == "AccessDenied"
    assert stage.store.get_object(Bucket="files", Key=f"{own}/a")["Body"].read() == b"1"


def test_of_many_keys_only_the_allowed_ones_are_deleted(stage: Stage) -> None:
    """DeleteObjects is asked for key by key; a denied key is an error in an answer of 200, and stays."""
    for key in ("mine/1", "mine/<2>&", "other/1"):
        stage.store.put_object(Bucket="files", Key=key, Body=b"x")
    mine = stage.client("Deletes", {"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::files/mine/*"})
    told = mine.delete_objects(
        Bucket="files", Delete={"Objects": [{"Key": key} for key in ("mine/1", "mine/<2>&", "other/1", "mine/../other/1")]}
    )
    assert sorted(one["Key"] for one in told["Deleted"]) == ["mine/1", "mine/<2>&"]
    assert [(one["Key"], one["Code"]) for one in told["Errors"]] == [("other/1", "AccessDenied"), ("mine/../other/1", "AccessDenied")]
    told = mine.delete_objects(Bucket="files", Delete={"Objects": [{"Key": "other/1"}], "Quiet": True})
    assert [one["Key"] for one in told["Errors"]] == ["other/1"]
    assert stage.store.list_objects_v2(Bucket="files", Prefix="mine/")["KeyCount"] == 0
    assert stage.store.list_objects_v2(Bucket="files", Prefix="other/")["KeyCount"] == 1


def test_uploads_of_every_form(stage: Stage) -> None:
    """Whole, in parts, with each checksum, unsigned: the store has the same bytes."""
    body = os.urandom(20 << 20)
    mine = s3(stage.url, stage.everything)
    mine.upload_fileobj(io.BytesIO(body), "files", "large")
    assert stage.store.get_object(Bucket="files", Key="large")["Body"].read() == body
    out = io.BytesIO()
    mine.download_fileobj("files", "large", out)
    assert out.getvalue() == body
    for algorithm in ("CRC32", "SHA256"):
        mine.put_object(Bucket="files", Key="sum", Body=body[:100_000], ChecksumAlgorithm=algorithm)
        assert stage.store.get_object(Bucket="files", Key="sum")["Body"].read() == body[:100_000]
    unsigned = s3(stage.url, stage.everything, s3={"addressing_style": "path", "payload_signing_enabled": False})
    unsigned.put_object(Bucket="files", Key="unsigned", Body=io.BytesIO(body[:300_000]))
    assert stage.store.get_object(Bucket="files", Key="unsigned")["Body"].read() == body[:300_000]


def test_presigned_addresses(stage: Stage) -> None:
    """They do what they were signed for, and nothing when a character of them is changed or the signer may not."""
    mine = s3(stage.url, stage.everything, signature_version="s3v4")
    put = mine.generate_presigned_url("put_object", Params={"Bucket": "files", "Key": "pre signed"})
    assert httpx.put(put, content=b"hello").status_code == 200
    get = mine.generate_presigned_url("get_object", Params={"Bucket": "files", "Key": "pre signed"})
    assert httpx.get(get).content == b"hello"
    answer = httpx.get(get.replace("pre%20signed", "plain.txt"))
    assert (answer.status_code, "<Code>SignatureDoesNotMatch</Code>" in answer.text) == (403, True)
    assert "<HeadersNotSigned>x-amz-acl</HeadersNotSigned>" in httpx.put(put, content=b"x", headers={"x-amz-acl": "public-read"}).text
    other = stage.client("Nothing", {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}, signature_version="s3v4")
    denied = httpx.get(other.generate_presigned_url("get_object", Params={"Bucket": "files", "Key": "pre signed"}))
    assert (denied.status_code, "with an explicit deny" in denied.text) == (403, True)


def test_keys_and_tokens_that_are_not_ours(stage: Stage) -> None:
    """Each in S3's words."""
    get = {"Bucket": "files", "Key": "plain.txt"}
    given = stage.everything
    assert refusal(s3(stage.url, {"aws_access_key_id": "AKIDOTHER", "aws_secret_access_key": "x"}).get_object, **get) == (
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
    )
    assert refusal(s3(stage.url, {**given, "aws_session_token": "forged"}).get_object, **get) == (
        "InvalidToken",
        "The provided token is malformed or otherwise invalid.",
    )
    other = assumed(stage.live, "arn:aws:iam::000000000000:role/All", "lee")
    assert refusal(s3(stage.url, {**given, "aws_session_token": other["aws_session_token"]}).get_object, **get)[0] == "InvalidToken"
    assert refusal(s3(stage.url, {**given, "aws_secret_access_key": "wrong"}).get_object, **get) == (
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    )
    assert refusal(s3(stage.url, STORE_AS_BOTO).get_object, **get)[0] == "InvalidAccessKeyId"
    assert b"<Code>AccessDenied</Code>" in raw(stage.url, b"GET /files/plain.txt HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")


STORE_AS_BOTO = {f"aws_{name}": value for name, value in STORE_KEYS.items()}


def test_a_revoked_role_is_refused_at_once(stage: Stage) -> None:
    """By another process, without a restart; credentials that are given out afterwards count."""
    arn = role(stage.live, "Revoked", ALL)
    before = s3(stage.url, assumed(stage.live, arn))
    assert before.list_buckets()["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert stage.live.command("keys", "revoke", "--role", arn, "--data", str(stage.live.data)) == {"RoleArn": arn, "Revoked": True}
    assert refusal(before.list_buckets)[0] == "InvalidToken"
    assert s3(stage.url, assumed(stage.live, arn)).list_buckets()["ResponseMetadata"]["HTTPStatusCode"] == 200


def issued(stage: Stage, sub: str, **more: Any) -> dict[str, str]:
    """Credentials as an identity pool gives them out: of a role, for an identity."""
    sealer = Sealer(MasterKey.from_file(stage.live.data / "master.key"))
    found = stage.live.boto(service="iam").get_role(RoleName="Identities")["Role"]
    made = credentials.issue(
        sealer,
        SystemClock(),
        role_arn=found["Arn"],
        role_id=found["RoleId"],
        session_name="CognitoIdentityCredentials",
        context={"cognito-identity.amazonaws.com:sub": [sub]},
        **more,
    )
    return {
        "aws_access_key_id": made.access_key_id,
        "aws_secret_access_key": made.secret_access_key,
        "aws_session_token": made.session_token,
    }


def test_the_folder_of_an_identity(stage: Stage) -> None:
    """`${cognito-identity.amazonaws.com:sub}`; credentials that have run out, and a role that is gone."""
    folder = "arn:aws:s3:::files/${cognito-identity.amazonaws.com:sub}/*"
    role(stage.live, "Identities", allow({"Effect": "Allow", "Action": "s3:*", "Resource": folder}))
    one, other = "us-east-1:11111111-1111-4111-8111-111111111111", "us-east-1:22222222-2222-4222-8222-222222222222"
    kim, lee = (s3(stage.url, issued(stage, sub)) for sub in (one, other))
    kim.upload_fileobj(io.BytesIO(b"x" * (9 << 20)), "files", f"{one}/large")
    assert kim.head_object(Bucket="files", Key=f"{one}/large")["ContentLength"] == 9 << 20
    assert refusal(lee.get_object, Bucket="files", Key=f"{one}/large")[0] == "AccessDenied"
    assert refusal(lee.get_object, Bucket="files", Key=f"{other}/x")[0] == "NoSuchKey"
    assert refusal(s3(stage.url, issued(stage, one, duration=-1)).get_object, Bucket="files", Key=f"{one}/large") == (
        "ExpiredToken",
        "The provided token has expired.",
    )
    guest = s3(stage.url, issued(stage, one, guest=True))
    assert refusal(guest.get_object, Bucket="files", Key=f"{one}/large")[0] == "AccessDenied"
    iam = stage.live.boto(service="iam")
    iam.delete_role_policy(RoleName="Identities", PolicyName="own")
    assert refusal(kim.get_object, Bucket="files", Key=f"{one}/large")[0] == "AccessDenied"
    iam.delete_role(RoleName="Identities")
    assert refusal(kim.get_object, Bucket="files", Key=f"{one}/large")[0] == "InvalidToken"


def test_an_identity_pools_users_keep_to_their_folders(stage: Stage) -> None:
    """The FAQ's example from end to end: sign-in, GetId, GetCredentialsForIdentity, S3."""
    app = App(stage.live)
    provider = f"cognito-idp.us-east-1.amazonaws.com/{app.pool_id}"
    identity = stage.live.boto(service="cognito-identity")
    pool = identity.create_identity_pool(
        IdentityPoolName="files",
        AllowUnauthenticatedIdentities=False,
        CognitoIdentityProviders=[{"ProviderName": provider, "ClientId": app.client_id}],
    )["IdentityPoolId"]
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": "cognito-identity.amazonaws.com"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {"cognito-identity.amazonaws.com:aud": pool}},
    }
    iam = stage.live.boto(service="iam")
    arn = iam.create_role(RoleName="Folders", AssumeRolePolicyDocument=allow(trust))["Role"]["Arn"]
    folder = "arn:aws:s3:::files/${cognito-identity.amazonaws.com:sub}/*"
    iam.put_role_policy(
        RoleName="Folders", PolicyName="own", PolicyDocument=allow({"Effect": "Allow", "Action": "s3:*", "Resource": folder})
    )
    identity.set_identity_pool_roles(IdentityPoolId=pool, Roles={"authenticated": arn})

    def enter() -> tuple[str, Any]:
        logins = {provider: app.sign_in(app.user())["IdToken"]}
        own = identity.get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"]
        given = identity.get_credentials_for_identity(IdentityId=own, Logins=logins)["Credentials"]
        key = {"aws_access_key_id": given["AccessKeyId"], "aws_secret_access_key": given["SecretKey"]}
        return own, s3(stage.url, {**key, "aws_session_token": given["SessionToken"]})

    (one, kim), (other, lee) = enter(), enter()
    kim.put_object(Bucket="files", Key=f"{one}/photo", Body=b"kim's")
    assert kim.get_object(Bucket="files", Key=f"{one}/photo")["Body"].read() == b"kim's"
    assert refusal(lee.get_object, Bucket="files", Key=f"{one}/photo")[0] == "AccessDenied"
    assert refusal(lee.put_object, Bucket="files", Key=f"{one}/photo", Body=b"lee's")[0] == "AccessDenied"
    lee.put_object(Bucket="files", Key=f"{other}/photo", Body=b"lee's")
    assert stage.store.get_object(Bucket="files", Key=f"{one}/photo")["Body"].read() == b"kim's"


def test_hosts_of_buckets(stage: Stage) -> None:
    """`bucket.domain` and `domain/bucket` lead to the same object, and to the same question."""
    get = {"Bucket": "files", "Key": "hosted/a b"}

    def call(credentials: dict[str, str], operation: str, body: bytes = b"") -> httpx.Response:
        """The name is not asked for, which not every machine knows: the address is the gateway's, the host as it was signed."""
        there = s3(stage.hosted, credentials, s3={"addressing_style": "virtual"}, signature_version="s3v4")
        url = urlsplit(there.generate_presigned_url(operation, Params=get))
        assert url.netloc.startswith("files.s3.localhost:")
        return httpx.request(operation[:3].upper(), f"{stage.url}{url.path}?{url.query}", content=body, headers={"host": url.netloc})

    assert call(stage.everything, "put_object", b"1").status_code == 200
    assert stage.store.get_object(**get)["Body"].read() == b"1"
    allowed = allow({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::files/hosted/*"})
    key = assumed(stage.live, role(stage.live, "Hosted", allowed))
    assert (call(key, "get_object").content, call(key, "put_object", b"2").status_code) == (b"1", 403)


TARGETS = [
    "/files/a/../b",
    "/files/a/%2e%2e/b",
    "/files//b",
    "//files/b",
    "/files/a%5Cb",
    "/files/a%00b",
    "/files/a%c0%af",
    "/files/%252e%252e/b",
]


@pytest.mark.parametrize("target", TARGETS)
def test_keys_that_some_stores_read_as_others(stage: Stage, target: str) -> None:
    """Refused before anything is asked."""
    answer = raw(stage.url, f"GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    assert (answer.split(b"\r\n")[0], b"<Code>InvalidURI</Code>" in answer) == (b"HTTP/1.1 400 Bad Request", True)


def test_what_the_table_does_not_know_is_denied(stage: Stage) -> None:
    """Also to whoever may everything."""
    mine = s3(stage.url, stage.everything, signature_version="s3v4")
    known = mine.generate_presigned_url("list_objects_v2", Params={"Bucket": "files"})
    assert httpx.get(known).status_code == 200
    assert refusal(mine.get_object_lock_configuration, Bucket="files")[0] != "AccessDenied"
    assert refusal(mine.create_session, Bucket="files")[0] == "AccessDenied"


def test_the_aws_cli(stage: Stage, tmp_path: Path) -> None:
    """cp, sync, ls and presign, with nothing changed but the endpoint."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "large").write_bytes(body := os.urandom(20 << 20))
    (tmp_path / "folder" / "small").write_text("small")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {name.upper(): value for name, value in stage.everything.items()}
    (tmp_path / "config").write_text("[default]\ns3 =\n    signature_version = s3v4\n")
    environment |= {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_ENDPOINT_URL": stage.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_PAGER": "",
    }

    def aws(*arguments: str) -> str:
        command = [str(Path(sys.executable).parent / "aws"), "s3", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=90)
        assert done.returncode == 0, done.stderr
        return done.stdout

    aws("sync", str(tmp_path / "folder"), "s3://files/cli/")
    assert aws("ls", "s3://files/cli/").split()[3::4] == ["large", "small"]
    aws("cp", "s3://files/cli/large", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == body
    assert httpx.get(aws("presign", "s3://files/cli/small").strip()).text == "small"
