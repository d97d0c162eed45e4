"""pycognito as it comes: SRP with the password never sent, tokens verified by its own rules (FIDELITY A.3)."""

from __future__ import annotations

import base64
from typing import Any

import boto3
import pytest
from pycognito import Cognito
from pycognito.exceptions import ForceChangePasswordException, TokenVerificationException

from tests.clients.conftest import App, refused
from tests.kit.live import REGION, Live
from tests.kit.server import PASSWORD


def cognito(app: App, username: str | None = None) -> Any:
    return Cognito(
        app.pool_id,
        app.client_id,
        client_secret=app.secret,
        username=username,
        session=boto3.Session(aws_access_key_id="AKIDANYTHING", aws_secret_access_key="x", region_name=REGION),
        boto3_client_kwargs={"endpoint_url": app.live.url},
    )


@pytest.mark.parametrize("secret", [False, True])
def test_signs_in_by_srp_and_verifies(live: Live, secret: bool) -> None:
    """authenticate, verify_token of both tokens with its issuer rules, renewal, and sign-out everywhere."""
    app = App(live, secret=secret)
    name = app.user()
    me = cognito(app, name)
    me.authenticate(password=PASSWORD)
    for token, use in ((me.id_token, "id"), (me.access_token, "access")):
        claims = me.verify_token(token, f"{use}_token", use)
        assert (claims["token_use"], claims["iss"]) == (use, f"{live.url}/{app.pool_id}")
    before = me.access_token
    me.renew_access_token()
    assert me.access_token != before
    assert me.verify_token(me.access_token, "access_token", "access")["username"] == name
    assert me.get_user(attr_map={"email": "email"}).email == f"{name}@example.com"
    me.logout()
    with refused("NotAuthorizedException"):
        app.live.anonymous().get_user(AccessToken=before)


def test_by_alias(app: App) -> None:
    """Sign-in by the email address: SRP is computed with the name that the challenge gives."""
    name = app.user()
    me = cognito(app, f"{name}@example.com")
    me.authenticate(password=PASSWORD)
    assert me.verify_token(me.access_token, "access_token", "access")["username"] == name


def test_many_salts_and_passwords(app: App) -> None:
    """Leading zeros and signs of salts, keys and hashes: SRP agrees for any of them, not only for lucky ones."""
    for number in range(12):
        password = f"Pass-wörd {number} \U0001f600".replace(" ", "_")
        name = app.user(password)
        cognito(app, name).authenticate(password=password)
        with refused("NotAuthorizedException"):
            cognito(app, name).authenticate(password=password + "x")


def test_a_forged_token_is_refused(app: App) -> None:
    """Its verification is a real one: a token whose claims were changed does not pass, nor does one of another client."""
    me = cognito(app, app.user())
    me.authenticate(password=PASSWORD)
    head, claims, signature = me.id_token.split(".")
    forged = base64.urlsafe_b64encode(base64.urlsafe_b64decode(claims + "==").replace(b'"id"', b'"ID"')).rstrip(b"=").decode()
    with pytest.raises(TokenVerificationException):
        me.verify_token(f"{head}.{forged}.{signature}", "id_token", "id")
    me.client_id = "anotherclient"
    with pytest.raises(TokenVerificationException):
        me.verify_token(f"{head}.{claims}.{signature}", "id_token", "id")


def test_registers_confirms_changes_and_recovers(app: App) -> None:
    """Sign-up, the mailed code, a changed password, a forgotten one."""
    mail = "py@example.com"
    me = cognito(app, "py")
    me.set_base_attributes(email=mail)
    me.register("py", PASSWORD)
    me.confirm_sign_up(app.live.code(mail), username="py")
    me.authenticate(password=PASSWORD)
    me.change_password(PASSWORD, "Changed-Horse-9")
    me.initiate_forgot_password()
    me.confirm_forgot_password(app.live.code(mail), "Recovered-Horse-9")
    again = cognito(app, "py")
    for old in (PASSWORD, "Changed-Horse-9"):
        with refused("NotAuthorizedException"):
            again.authenticate(password=old)
    again.authenticate(password="Recovered-Horse-9")
    assert again.verify_token(again.id_token, "id_token", "id")["email_verified"] is True


def test_a_temporary_password_is_changed(app: App) -> None:
    """NEW_PASSWORD_REQUIRED after SRP, answered by pycognito's own call."""
    app.admin.admin_create_user(UserPoolId=app.pool_id, Username="fresh", TemporaryPassword=PASSWORD, MessageAction="SUPPRESS")
    me = cognito(app, "fresh")
    with pytest.raises(ForceChangePasswordException):
        me.authenticate(password=PASSWORD)
    me.new_password_challenge(PASSWORD, "Changed-Horse-9")
    assert me.verify_token(me.access_token, "access_token", "access")["username"] == "fresh"
