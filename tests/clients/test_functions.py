"""A real `cognomen dev --functions DIR`: boto3 signs users up and in, real functions in Python and Node decide; and they end with the server."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_encryption_sdk
import boto3
import botocore.session
import psutil
import pytest
from aws_encryption_sdk.identifiers import CommitmentPolicy
from moto.server import ThreadedMotoServer

from cognomen.kernel.aws import Aws
from cognomen.kernel.secrets import Sealer
from cognomen.kernel.threads import Threads
from cognomen.triggers.sender_keys import SenderKeys
from tests.clients.conftest import refused
from tests.kit.functions import arn
from tests.kit.live import COGNOMEN, Live, NotReady
from tests.kit.server import PASSWORD

PRE_SIGN_UP = """
def handler(event, context):
    print("signing up", event["userName"])
    if event["userName"] == "hang":
        while True:
            pass
    if event["userName"].startswith("bad"):
        raise Exception("not you")
    event["response"]["autoConfirmUser"] = True
    return event
"""
TOKENS = """
export const handler = async (event) => {
  event.response = { claimsOverrideDetails: { claimsToAddOrOverride: { tenant: "seven" } } };
  return event;
};
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root = tmp_path_factory.mktemp("functions")
    functions = root / "functions"
    functions.mkdir()
    (functions / "sign-up.py").write_text(PRE_SIGN_UP)
    (functions / "tokens.mjs").write_text(TOKENS)
    with Live(root / "data") as running:
        running.stop()
        running.start(20.0, "--functions", str(functions))
        yield running


def app(live: Live) -> tuple[Any, str, str]:
    admin = live.boto()
    config = {"PreSignUp": arn("sign-up"), "PreTokenGeneration": arn("tokens")}
    pool = admin.create_user_pool(PoolName="app", LambdaConfig=config)["UserPool"]["Id"]
    client = admin.create_user_pool_client(UserPoolId=pool, ClientName="web", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"])
    return admin, pool, client["UserPoolClient"]["ClientId"]


def children(live: Live) -> list[psutil.Process]:
    return psutil.Process(live.pid).children(recursive=True)


def test_functions_decide(live: Live) -> None:
    """A sign-up confirmed by Python, a token changed by Node, a refusal; log lines with their request's id."""
    _, _, client_id = app(live)
    public = live.anonymous()
    assert public.sign_up(ClientId=client_id, Username="anna", Password=PASSWORD)["UserConfirmed"] is True
    with refused("UserLambdaValidationException", "PreSignUp failed with error not you."):
        public.sign_up(ClientId=client_id, Username="bad-bob", Password=PASSWORD)
    parameters = {"USERNAME": "anna", "PASSWORD": PASSWORD}
    result = public.initiate_auth(ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)["AuthenticationResult"]
    payload = result["IdToken"].split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(payload + "=="))["tenant"] == "seven"
    line = next(json.loads(line) for line in live.stderr.splitlines() if "signing up anna" in line)
    assert (line["function"], len(line["aws_request_id"])) == ("sign-up", 36)


def test_children_end_with_the_server(live: Live) -> None:
    """After SIGTERM, and after kill -9, also where a function hangs: nothing is left."""
    folder = str(live.data.parent / "functions")
    for end in (live.stop, live.kill):
        _, _, client_id = app(live)
        public = live.anonymous()
        public.sign_up(ClientId=client_id, Username="carl", Password=PASSWORD)
        parameters = {"USERNAME": "carl", "PASSWORD": PASSWORD}
        public.initiate_auth(ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
        left = children(live)
        assert len(left) == 2
        end()
        gone, alive = psutil.wait_procs(left, timeout=5)
        assert ([process.pid for process in alive], len(gone)) == ([], 2)
        live.start(20.0, "--functions", folder)


def test_a_hanging_function_dies_with_a_killed_server(live: Live, tmp_path: Path) -> None:
    (live.data.parent / "functions" / "spin.mjs").write_text("export const handler = async () => { while (true); };")
    admin = live.boto()
    pool = admin.create_user_pool(PoolName="app", LambdaConfig={"PreSignUp": arn("spin")})["UserPool"]["Id"]
    client_id = admin.create_user_pool_client(UserPoolId=pool, ClientName="web")["UserPoolClient"]["ClientId"]
    script = f"import boto3; boto3.client('cognito-idp', endpoint_url='{live.url}', region_name='us-east-1', aws_access_key_id='a', aws_secret_access_key='b').sign_up(ClientId='{client_id}', Username='x', Password='{PASSWORD}')"
    caller = subprocess.Popen([str(COGNOMEN.parent / "python"), "-c", script], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while not (left := [child for child in children(live) if "spin.mjs" in " ".join(child.cmdline()) and child.name() == "node"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.3)
    live.kill()
    _, alive = psutil.wait_procs(left, timeout=5)
    caller.kill()
    caller.wait()
    assert alive == []
    live.start(20.0, "--functions", str(live.data.parent / "functions"))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with Live(tmp_path / "data") as running:
        running.stop()
        with pytest.raises(NotReady, match="there is no folder"):
            running.start(20.0, "--functions", str(tmp_path / "nothing"))


class TestSenderKeys:
    def test_the_command_shows_the_key(self, live: Live) -> None:
        """What a function decrypts with: 32 bytes, another for each KMSKeyID."""
        first, second = (
            live.command("keys", "sender", f"arn:aws:kms:us-east-1:000000000000:key/{n}", "--data", str(live.data)) for n in (1, 2)
        )
        assert (first["KeyNamespace"], first["KeyName"][-5:], len(bytes.fromhex(first["Key"]))) == ("cognomen", "key/1", 32)
        assert first["Key"] != second["Key"]

    async def test_a_key_of_kms(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Encrypted under a key of a KMS that is not ours, decrypted through it by AWS's own library."""
        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        url, key = f"http://{host}:{port}", {"aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}
        kms = boto3.client("kms", endpoint_url=url, region_name="eu-west-1", **key)
        key_arn = kms.create_key()["KeyMetadata"]["Arn"]
        aws = Aws("AKID", "secret", endpoints={"kms": url}, abroad=False)
        code = await SenderKeys(Sealer(b"\x07" * 32), aws, Threads("keys"), by_kms=True).encrypt(key_arn, "eu-west-1_abcdefghi", "123456")
        for name, value in {"AWS_ENDPOINT_URL_KMS": url, "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"}.items():
            monkeypatch.setenv(name, value)
        provider = aws_encryption_sdk.StrictAwsKmsMasterKeyProvider(key_ids=[key_arn], botocore_session=botocore.session.get_session())
        client = aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT)
        plaintext, header = client.decrypt(source=base64.b64decode(code), key_provider=provider)
        server.stop()
        assert (plaintext, header.encryption_context["userpool-id"]) == (b"123456", "eu-west-1_abcdefghi")


def test_a_lambda_api_named_by_the_standard_variable(tmp_path: Path) -> None:
    """AWS_ENDPOINT_URL_LAMBDA leads to moto's Lambda API, which answers without a container as it was told to."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    environment = {"AWS_ENDPOINT_URL_LAMBDA": url, "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"}
    with Live(tmp_path / "data", environment=environment) as live:
        admin = live.boto()
        pool = admin.create_user_pool(PoolName="app", LambdaConfig={"PreSignUp": arn("missing")})["UserPool"]["Id"]
        client_id = admin.create_user_pool_client(UserPoolId=pool, ClientName="web")["UserPoolClient"]["ClientId"]
        with refused("UnexpectedLambdaException", "AccessDeniedException"):
            live.anonymous().sign_up(ClientId=client_id, Username="anna", Password=PASSWORD)
        assert "no function for this ARN" in live.stderr
    server.stop()
