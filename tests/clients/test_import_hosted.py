"""What a copied pool's pages and OAuth endpoints are configured with, and the users who come through providers."""

from __future__ import annotations

import base64
import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.clients.test_cli import run
from tests.clients.test_import_cognito import AWS
from tests.kit.live import Live
from tests.kit.pictures import PNG, SVG
from tests.kit.source import Source, running

POOL = "us-east-1_Hosted001"
CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/11111111-2222-3333-4444-555555555555"
API = "https://api.example.com"
LINKS = {"cognito:default": "https://example.com/terms"}
GOOGLE = {"client_id": "theirs", "client_secret": "the secret of the provider", "authorize_scopes": "openid email"}
STYLE = {"components": {"primaryButton": {"lightMode": {"defaults": {"backgroundColor": "ff0000ff"}}}}}
CSS = ".label-customizable { color: red }"
KINDS = ("resource_servers", "identity_providers", "domains", "ui_customizations", "login_brandings", "terms")


def copied(folder: Path, pool: str, url: str) -> tuple[dict[str, int], list[str]]:
    """What was counted, and what the command says that it could not copy beyond what it always says."""
    done = run(folder.parent, "import", "cognito", "--user-pool-id", pool, "--endpoint-url", url, "--data", str(folder), "--json", **AWS)
    assert done.stderr == ""
    answer = json.loads(done.stdout)
    always = ("passwords:", "authenticator apps", "second secrets", "Lambda triggers")
    return answer, [line for line in answer["NotCopied"] if not line.startswith(always)]


def fill(client: Any) -> str:
    pool = str(client.create_user_pool(PoolName="people")["UserPool"]["Id"])
    client.create_resource_server(UserPoolId=pool, Identifier=API, Name="api", Scopes=[{"ScopeName": "read", "ScopeDescription": "Reads"}])
    client.create_identity_provider(UserPoolId=pool, ProviderName="Google", ProviderType="Google", ProviderDetails=GOOGLE)
    client.create_user_pool_domain(UserPoolId=pool, Domain="people", ManagedLoginVersion=2)
    client.create_user_pool_domain(UserPoolId=pool, Domain="auth.example.com", CustomDomainConfig={"CertificateArn": CERTIFICATE})
    web = client.create_user_pool_client(
        UserPoolId=pool,
        ClientName="web",
        AllowedOAuthFlows=["code"],
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthScopes=["openid", f"{API}/read"],
        CallbackURLs=["https://example.com/cb"],
        SupportedIdentityProviders=["COGNITO", "Google"],
    )["UserPoolClient"]["ClientId"]
    client.set_ui_customization(UserPoolId=pool, CSS=CSS)
    client.set_ui_customization(UserPoolId=pool, ClientId=web, CSS=".logo-customizable {}")
    image = {"Category": "FORM_LOGO", "ColorMode": "LIGHT", "Extension": "SVG", "Bytes": SVG}
    client.create_managed_login_branding(UserPoolId=pool, ClientId=web, Settings=STYLE, Assets=[image])
    for name in ("terms-of-use", "privacy-policy"):
        client.create_terms(UserPoolId=pool, ClientId=web, TermsName=name, TermsSource="LINK", Enforcement="NONE", Links=LINKS)
    return pool


def _timeless(value: Any) -> Any:
    """Without moments, and without the ids that are a server's own."""
    own = ("CreationDate", "LastModifiedDate", "CSSVersion", "Version", "ManagedLoginBrandingId", "TermsId", "ResponseMetadata")
    if isinstance(value, dict):
        return {name: _timeless(each) for name, each in value.items() if name not in own}
    return [_timeless(each) for each in value] if isinstance(value, list) else value


def everything(client: Any, pool: str) -> Any:
    (web,) = (each["ClientId"] for each in client.list_user_pool_clients(UserPoolId=pool, MaxResults=9)["UserPoolClients"])
    place = {"UserPoolId": pool, "ClientId": web}
    return _timeless(
        [
            client.list_resource_servers(UserPoolId=pool),
            client.describe_identity_provider(UserPoolId=pool, ProviderName="Google"),
            [client.describe_user_pool_domain(Domain=name) for name in ("people", "auth.example.com")],
            client.describe_user_pool_client(**place),
            [client.get_ui_customization(UserPoolId=pool), client.get_ui_customization(**place)],
            client.describe_managed_login_branding_by_client(**place),
            [client.describe_terms_by_client(**place, TermsName=name) for name in ("terms-of-use", "privacy-policy")],
        ]
    )


def test_a_copy_says_what_its_source_says(tmp_path: Path) -> None:
    """Everything once: a second run adds nothing, and leaves what was changed here."""
    with Live(tmp_path / "source") as source:
        theirs = source.boto()
        pool = fill(theirs)
        target = tmp_path / "target"
        with Live(target):
            pass
        counts, notes = copied(target, pool, source.url)
        assert [counts[kind] for kind in KINDS] == [1, 1, 2, 2, 1, 2]
        assert notes == []
        with Live(target) as live:
            ours = live.boto()
            assert everything(ours, pool) == everything(theirs, pool)
            ours.update_resource_server(UserPoolId=pool, Identifier=API, Name="changed", Scopes=[])
        counts, notes = copied(target, pool, source.url)
        assert ([counts[kind] for kind in KINDS], notes) == ([0] * 6, [])
        with Live(target) as live:
            assert live.boto().describe_resource_server(UserPoolId=pool, Identifier=API)["ResourceServer"]["Name"] == "changed"


def test_a_copy_of_motos(tmp_path: Path) -> None:
    """Which knows some of the kinds only, and fills in less."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        keys = {"aws_access_key_id": "AKIDANYTHING", "aws_secret_access_key": "any secret"}
        theirs = boto3.client("cognito-idp", endpoint_url=url, region_name="us-east-1", **keys)
        pool = theirs.create_user_pool(PoolName="people")["UserPool"]["Id"]
        theirs.create_identity_provider(UserPoolId=pool, ProviderName="Google", ProviderType="Google", ProviderDetails=GOOGLE)
        theirs.create_resource_server(UserPoolId=pool, Identifier=API, Name="api", Scopes=[])
        theirs.create_user_pool_domain(UserPoolId=pool, Domain="people")
        counts, notes = copied(tmp_path / "target", pool, url)
        assert ([counts[kind] for kind in KINDS], notes) == ([1, 1, 1, 0, 0, 0], [])
    finally:
        server.stop()
    found = (tmp_path / "target").rglob("*")
    assert b"the secret of the provider" not in b"".join(file.read_bytes() for file in found if file.is_file())


def user(name: str, status: str, *attributes: tuple[str, str]) -> dict[str, Any]:
    pairs = [{"Name": key, "Value": value} for key, value in (("sub", f"sub-{name}"), *attributes)]
    return {
        "Username": name,
        "UserStatus": status,
        "Enabled": True,
        "UserCreateDate": 1.5,
        "UserLastModifiedDate": 2.5,
        "Attributes": pairs,
    }


def identity(subject: str, *, primary: Any) -> dict[str, Any]:
    return {
        "userId": subject,
        "providerName": "Google",
        "providerType": "Google",
        "issuer": None,
        "primary": primary,
        "dateCreated": 1_600_000_000_000,
    }


@pytest.fixture
def source() -> Any:
    """A pool with one client, a provider whose secret is not shown, and users of it."""
    with running() as server:
        users = [
            user(
                "Google_123",
                "EXTERNAL_PROVIDER",
                ("email", "a@example.com"),
                ("identities", json.dumps([identity("123", primary="true")])),
            ),
            user("anna", "CONFIRMED", ("email", "a@example.com"), ("identities", json.dumps([identity("456", primary=False)]))),
            user("odd", "EXTERNAL_PROVIDER", ("identities", "[{]")),
            user("second", "EXTERNAL_PROVIDER", ("identities", json.dumps([identity("123", primary=True)]))),
        ]
        group = {"GroupName": f"{POOL}_Google", "UserPoolId": POOL}
        client = {
            "UserPoolId": POOL,
            "ClientId": "web",
            "ClientName": "web",
            "AllowedOAuthScopes": ["openid", "gone/read"],
            "SupportedIdentityProviders": ["COGNITO", "Google"],
        }
        look = {"UserPoolId": POOL, "ClientId": "ALL", "CSS": CSS, "ImageUrl": f"{server.url}/logo.png"}
        server.answers = {
            "DescribeUserPool": {
                "UserPool": {
                    "Id": POOL,
                    "Name": "people",
                    "AliasAttributes": ["email"],
                    "SchemaAttributes": [{"Name": "email"}],
                    "Domain": "people",
                }
            },
            "GetUserPoolMfaConfig": {"MfaConfiguration": "OFF"},
            "ListUserPoolClients": {"UserPoolClients": [client]},
            "DescribeUserPoolClient": {"UserPoolClient": client},
            "ListGroups": {"Groups": [group]},
            "ListUsers": {"Users": users},
            "ListUsersInGroup": {"Users": [users[0]]},
            "ListIdentityProviders": {"Providers": [{"ProviderName": "Google", "ProviderType": "Google"}]},
            "DescribeIdentityProvider": {
                "IdentityProvider": {
                    "ProviderName": "Google",
                    "ProviderType": "Google",
                    "ProviderDetails": {"client_id": "x", "authorize_scopes": "openid"},
                }
            },
            "DescribeUserPoolDomain": {"DomainDescription": {"Domain": "people", "UserPoolId": POOL}},
            "GetUICustomization": {"UICustomization": look},
        }
        server.files = {"/logo.png": PNG}
        yield server


def test_users_of_providers(tmp_path: Path, source: Source) -> None:
    """With their status, name, identities and groups; an identity belongs to one user; a linked user stays linked. Nobody's address leads to a
    profile that came through a provider."""
    target = tmp_path / "target"
    counts, _ = copied(target, POOL, source.url)
    assert (counts["users"], counts["federated"], counts["memberships"], counts["refused"]) == (1, 3, 1, 0)
    with contextlib.closing(sqlite3.connect(target / "cognomen.db")) as database:
        rows = database.execute("SELECT provider, value, sub, own, kind, created_at FROM federated_identities ORDER BY value").fetchall()
    assert rows == [("Google", "123", "sub-Google_123", 1, "Google", 1.6e9), ("Google", "456", "sub-anna", 0, "Google", 1.6e9)]
    with Live(target) as live:
        ours = live.boto()
        found = {each["Username"]: each for each in ours.list_users(UserPoolId=POOL)["Users"]}
        statuses = {name: each["UserStatus"] for name, each in found.items()}
        external = dict.fromkeys(("google_123", "odd", "second"), "EXTERNAL_PROVIDER")
        assert {name.lower(): status for name, status in statuses.items()} == {**external, "anna": "RESET_REQUIRED"}
        shown = {item["Name"]: item["Value"] for item in found["anna"]["Attributes"]}
        assert json.loads(shown["identities"]) == [identity("456", primary=False)]
        assert "identities" not in {item["Name"] for item in found["odd"]["Attributes"]}
        groups = ours.admin_list_groups_for_user(UserPoolId=POOL, Username="Google_123")["Groups"]
        assert [group["GroupName"] for group in groups] == [f"{POOL}_Google"]
    again, _ = copied(target, POOL, source.url)
    assert (again["users"], again["federated"]) == (0, 0)


def test_what_is_not_shown_is_told(tmp_path: Path, source: Source) -> None:
    """In a line each; everything else is copied, the client without what is not here."""
    target = tmp_path / "target"
    counts, notes = copied(target, POOL, source.url)
    assert [counts[kind] for kind in KINDS] == [0, 0, 1, 1, 0, 0]
    assert [note.partition(":")[0] for note in notes] == [
        "the identity provider Google",
        "AllowedOAuthScopes of the client web that are not here",
        "SupportedIdentityProviders of the client web that are not here",
    ]
    with Live(target) as live:
        ours = live.boto()
        client = ours.describe_user_pool_client(UserPoolId=POOL, ClientId="web")["UserPoolClient"]
        assert (client["AllowedOAuthScopes"], client["SupportedIdentityProviders"]) == (["openid"], ["COGNITO"])
        assert ours.get_ui_customization(UserPoolId=POOL)["UICustomization"]["CSS"] == CSS
    with contextlib.closing(sqlite3.connect(target / "cognomen.db")) as database:
        assert database.execute("SELECT extension, bytes FROM branding_images").fetchall() == [("PNG", PNG)]


@pytest.mark.parametrize("file", [None, b"<html>", PNG + bytes(200_000)])
def test_a_logo_that_is_none(tmp_path: Path, source: Source, file: bytes | None) -> None:
    """Not there, no image, or too large: told, and the copy goes on to its end."""
    source.files = {"/logo.png": file} if file is not None else {}
    counts, notes = copied(tmp_path / "target", POOL, source.url)
    assert counts["users"] == 1
    assert any("ALL" in note for note in notes)


def test_a_hostile_source(tmp_path: Path, source: Source) -> None:
    """What it shows is checked as any request: nothing that runs comes in by a copy."""
    place = {"UserPoolId": POOL, "ClientId": "web"}
    bad = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>").decode()
    asset = {"Category": "FORM_LOGO", "ColorMode": "LIGHT", "Extension": "SVG", "Bytes": bad}
    source.answers |= {
        "GetUICustomization": {"UICustomization": {"ClientId": "ALL", "CSS": "</style><script>"}},
        "DescribeManagedLoginBrandingByClient": {"ManagedLoginBranding": {"Assets": [asset]}},
        "ListTerms": {"Terms": [{"TermsId": "11111111-2222-4333-8444-555555555555", "TermsName": "terms-of-use"}]},
        "DescribeTerms": {
            "Terms": {
                **place,
                "TermsName": "terms-of-use",
                "TermsSource": "LINK",
                "Enforcement": "NONE",
                "Links": {"cognito:default": "javascript:alert(1)"},
            }
        },
        "DescribeUserPoolDomain": {"DomainDescription": {}},
        "ListResourceServers": {"ResourceServers": [{"Identifier": "a b", "Name": "x", "Scopes": []}]},
    }
    counts, notes = copied(tmp_path / "target", POOL, source.url)
    assert [counts[kind] for kind in KINDS] == [0, 0, 1, 0, 0, 0]
    told = [note.partition(":")[0] for note in notes]
    assert {
        "the UI customization of ALL",
        "the managed login branding of web",
        "the terms terms-of-use of web",
        "the resource server a b",
    } <= set(told)
