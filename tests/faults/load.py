"""Clients that write as fast as they are answered, and remember what was answered: after a kill all of it must be there."""

from __future__ import annotations

import random
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.kit.live import Live
from tests.kit.server import TARGETS

MISSING = "missing"


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code


def call(http: httpx.Client, url: str, operation: str, **members: Any) -> Any:
    """One operation, unsigned. Raises Refused, and httpx's errors when no answer came."""
    headers = {"x-amz-target": f"{TARGETS['cognito-idp']}.{operation}", "content-type": "application/x-amz-json-1.1"}
    answer = http.post(url + "/", json=members, headers=headers)
    body = answer.json()
    if answer.status_code != 200:
        raise Refused(answer.status_code, body.get("__type", ""), body.get("message", ""))
    return body


@dataclass
class Expected:
    """One user as the answers promised: each field holds every value that may be true; more than one after a write that was not answered."""

    username: str
    state: set[str] = field(default_factory=lambda: {MISSING})
    passwords: set[str] = field(default_factory=set)
    names: set[str | None] = field(default_factory=lambda: {None})
    refresh_tokens: list[str] = field(default_factory=list)


class Writer:
    """One client with users of its own, so that nothing but its own requests changes them."""

    def __init__(self, live: Live, pool: str, client: str, seed: str) -> None:
        self.live = live
        self.pool = pool
        self.client = client
        self.chance = random.Random(seed)
        self.users: list[Expected] = []
        self.failures: list[str] = []
        self.answered = 0

    def run(self, stop: threading.Event) -> None:
        with httpx.Client(timeout=20, verify=False) as http:
            while not stop.is_set():
                try:
                    self._once(http)
                    self.answered += 1
                except httpx.TransportError:
                    return  # the server was killed
                except Refused as refused:
                    self.failures.append(str(refused))
                    return

    def _once(self, http: httpx.Client) -> None:
        complete = [user for user in self.users if user.state == {"there"} and len(user.passwords) == 1]
        steps = (
            [self._create, self._sign_up]
            if len(complete) < 3
            else [self._create, self._sign_up, *[self._password, self._name, self._sign_in] * 2, self._delete]
        )
        step = self.chance.choice(steps)
        if step in (self._create, self._sign_up):
            user = Expected(f"u{uuid.uuid4().hex[:12]}")
            self.users.append(user)
        else:
            user = self.chance.choice(complete)
        step(http, user)

    def _call(self, http: httpx.Client, operation: str, **members: Any) -> Any:
        return call(http, self.live.url, operation, **members)

    def _of(self, user: Expected) -> dict[str, str]:
        return {"UserPoolId": self.pool, "Username": user.username}

    def _create(self, http: httpx.Client, user: Expected) -> None:
        """By an administrator, with an alias, then with a permanent password."""
        attributes = [{"Name": "email", "Value": f"{user.username}@example.com"}, {"Name": "email_verified", "Value": "true"}]
        user.state = {MISSING, "there"}
        self._call(http, "AdminCreateUser", **self._of(user), UserAttributes=attributes, MessageAction="SUPPRESS")
        user.state = {"there"}
        self._password(http, user)

    def _sign_up(self, http: httpx.Client, user: Expected) -> None:
        password = f"Sign-Up-{self.chance.randrange(10**9)}"
        user.state = {MISSING, "there"}
        self._call(http, "SignUp", ClientId=self.client, Username=user.username, Password=password)
        user.state = {"there"}
        # Until confirmed the password cannot be tried; the confirmation is answered or not, both are states that were promised.
        self._call(http, "AdminConfirmSignUp", **self._of(user))
        user.passwords = {password}

    def _password(self, http: httpx.Client, user: Expected) -> None:
        password = f"Chosen-{self.chance.randrange(10**9)}"
        before = user.passwords
        user.passwords = before | {password} if before else set()
        self._call(http, "AdminSetUserPassword", **self._of(user), Password=password, Permanent=True)
        user.passwords = {password}

    def _name(self, http: httpx.Client, user: Expected) -> None:
        name = f"n{self.chance.randrange(10**9)}"
        user.names = user.names | {name}
        self._call(http, "AdminUpdateUserAttributes", **self._of(user), UserAttributes=[{"Name": "name", "Value": name}])
        user.names = {name}

    def _sign_in(self, http: httpx.Client, user: Expected) -> None:
        user.refresh_tokens.append(sign_in(http, self.live.url, self.client, user.username, *user.passwords)["RefreshToken"])

    def _delete(self, http: httpx.Client, user: Expected) -> None:
        user.state = {MISSING, "there"}
        self._call(http, "AdminDeleteUser", **self._of(user))
        user.state = {MISSING}


def sign_in(http: httpx.Client, url: str, client: str, username: str, password: str) -> Any:
    parameters = {"USERNAME": username, "PASSWORD": password}
    return call(http, url, "InitiateAuth", ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)[
        "AuthenticationResult"
    ]
