"""`cognomen dev --tls`: clients that trust its authority and check everything, and what the authority cannot be used for."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import ssl
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cognomen.kernel import local_certificate
from tests.clients.node import JS
from tests.kit.live import COGNOMEN, Live, NotReady
from tests.kit.server import PASSWORD

SEED = """
pools:
  - Id: us-east-1_Example01
    PoolName: app
    Issuer: aws
    Clients:
      - {ClientId: web, ClientName: web, ExplicitAuthFlows: [ALLOW_USER_PASSWORD_AUTH, ALLOW_REFRESH_TOKEN_AUTH]}
    Users:
      - {Username: anna, Password: Correct-Horse-9, Attributes: {email: anna@example.com, email_verified: true}}
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    data = tmp_path_factory.mktemp("tls") / "data"
    seed = data.with_name("seed.yaml")
    seed.write_text(SEED)
    running = Live(data)
    try:
        running.start(20.0, "--tls", "--seed", str(seed))
        yield running
    finally:
        running.stop()


def authority(live: Live) -> Path:
    return live.data / "tls" / "authority.pem"


def strictly(live: Live) -> ssl.SSLContext:
    """Trusts the authority and nobody else, and checks what can be checked."""
    context = ssl.create_default_context(cafile=str(authority(live)))
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    return context


def test_says_https(live: Live) -> None:
    """In the line that it is ready, in discovery, and where the authority lies; plain http gets no answer."""
    assert live.url.startswith("https://")
    assert str(authority(live)) in live.stderr
    found = httpx.get(f"{live.url}/us-east-1_Example01/.well-known/openid-configuration", verify=strictly(live)).json()
    assert found["jwks_uri"].startswith("https://")
    with pytest.raises(httpx.HTTPError):
        httpx.get(live.url.replace("https", "http"))


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "myapp.auth.localhost"])
def test_names_of_this_machine(live: Live, name: str) -> None:
    with socket.create_connection(("127.0.0.1", live.port)) as plain, strictly(live).wrap_socket(plain, server_hostname=name) as secured:
        secured.sendall(f"GET /health HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n".encode())
        assert secured.recv(65_536).startswith(b"HTTP/1.1 200")


def test_not_trusted_by_itself(live: Live) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{live.url}/health")


def test_boto3_and_the_command_line(live: Live) -> None:
    client = boto3.client(
        "cognito-idp",
        endpoint_url=live.url,
        verify=str(authority(live)),
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    address = [{"Name": "email", "Value": "ben@example.com"}]
    client.admin_create_user(UserPoolId="us-east-1_Example01", Username="ben", UserAttributes=address, DesiredDeliveryMediums=["EMAIL"])
    done = subprocess.run(
        [str(COGNOMEN), "inbox", "--url", live.url.replace("127.0.0.1", "localhost"), "--wait", "ben@example.com"],
        env={**os.environ, "SSL_CERT_FILE": str(authority(live))},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, bool(done.stdout.strip())) == (0, True), done.stderr


def test_a_verifier_that_knows_only_https(node: str, live: Live) -> None:
    """aws-jwt-verify fetches keys by https and nothing else."""
    body = {"ClientId": "web", "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": "anna", "PASSWORD": PASSWORD}}
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AWSCognitoIdentityProviderService.InitiateAuth"}
    tokens = httpx.post(live.url, json=body, headers=headers, verify=strictly(live)).json()["AuthenticationResult"]
    url = live.url.replace("127.0.0.1", "localhost")
    command = [node, "https.mjs", url, "us-east-1_Example01", "web", tokens["IdToken"], "localhost", "127.0.0.1"]
    done = subprocess.run(
        command,
        cwd=JS,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(authority(live))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["claims"]["email"], seen["hosts"]) == ("anna@example.com", {"localhost": 200, "127.0.0.1": 200})


def test_keys_are_their_owners(live: Live) -> None:
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (live.data / "tls").iterdir()}
    assert modes == {"authority.pem": 0o644, "authority.key": 0o600, "localhost.pem": 0o644, "localhost.key": 0o600}


def test_the_authority_signs_for_this_machine_alone(live: Live) -> None:
    """Whoever steals its key cannot pose as a bank to those who trust it: the names are constrained."""
    folder = live.data / "tls"
    issuer = x509.load_pem_x509_certificate((folder / "authority.pem").read_bytes())
    signer = load_pem_private_key((folder / "authority.key").read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("bank.example.com")])
    forged = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9))
        .add_extension(names, critical=True)
        .sign(signer, SHA256())
    )
    pem, own = local_certificate._pem(forged, key)
    chain = folder.parent.parent / "forged.pem"
    chain.write_bytes(pem + own)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(chain)
    one, other = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = serving.wrap_bio(one, other, server_side=True)
    client = ssl.create_default_context(cafile=str(folder / "authority.pem")).wrap_bio(other, one, server_hostname="bank.example.com")
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        shake_hands(client, server)


def shake_hands(*sides: ssl.SSLObject) -> None:
    for side in sides * 4:
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()


def test_the_authority_stays_and_a_certificate_that_ends_is_renewed(live: Live, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(live.data / "tls", data / "tls")
    before = {file.name: file.read_bytes() for file in (data / "tls").iterdir()}
    with_tls = Live(data)
    with_tls.start(20.0, "--tls")
    with_tls.stop()
    assert {file.name: file.read_bytes() for file in (data / "tls").iterdir()} == before
    pair = local_certificate.Pem(before["authority.pem"], before["authority.key"])
    ending = local_certificate.make_certificate(pair, datetime.now(UTC) - timedelta(days=380))
    (data / "tls" / "localhost.pem").write_bytes(ending.certificate)
    (data / "tls" / "localhost.key").write_bytes(ending.key)
    with_tls.start(20.0, "--tls")
    try:
        assert httpx.get(f"{with_tls.url}/health", verify=ssl.create_default_context(cafile=str(authority(live)))).status_code == 200
    finally:
        with_tls.stop()
    after = (data / "tls" / "localhost.pem").read_bytes()
    assert after != ending.certificate and (data / "tls" / "authority.pem").read_bytes() == before["authority.pem"]


def test_what_is_refused(tmp_path: Path) -> None:
    """A folder that holds something else, and production: one sentence each."""
    data = tmp_path / "data"
    (data / "tls").mkdir(parents=True)
    for name in ("authority.pem", "authority.key"):
        (data / "tls" / name).write_text("something else")
    with pytest.raises(NotReady, match="is no certificate of ours") as refused:
        Live(data).start(20.0, "--tls")
    assert "Traceback" not in refused.value.stderr
    with pytest.raises(NotReady, match="tls is for development"):
        Live(tmp_path / "other", "serve", environment={"COGNOMEN_TLS": "true"}).start()


def test_in_memory(tmp_path: Path) -> None:
    """Nothing to keep, but https all the same; and no key is left behind."""
    running = Live(tmp_path / "unused")
    running.start(20.0, "--tls", "--data", ":memory:")
    try:
        assert httpx.get(f"{running.url}/health", verify=False).status_code == 200
    finally:
        running.stop()
    said = next(json.loads(line) for line in running.stderr.splitlines() if '"certificate"' in line)
    assert not Path(said["trust"]).parent.exists()
