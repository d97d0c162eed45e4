"""Who is here: an identity of the pool, by guest access or by logins, its temporary credentials, and what becomes of the data when it changes.

The identity is kept in the file, credentials are kept in memory alone.
https://docs.aws.amazon.com/cognito/latest/developerguide/getting-credentials.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cognomen_sync.errors import NotSignedIn, Refused
from cognomen_sync.local import LocalFile
from cognomen_sync.service import Service
from cognomen_sync.signing import Credentials
from cognomen_sync.steps import Alone, Ask, Steps

Logins = Mapping[str, str]


@dataclass(frozen=True)
class DeveloperLogin:
    """What the app's own backend got from GetOpenIdTokenForDeveloperIdentity for a user of its own: the token is good for this identity alone.

    https://docs.aws.amazon.com/cognito/latest/developerguide/developer-authenticated-identities.html
    """

    identity_id: str
    token: str = field(repr=False)

    @property
    def logins(self) -> Logins:
        return {"cognito-identity.amazonaws.com": self.token}


Given = Logins | DeveloperLogin
# What a user signs in with, or what gives it when it is needed: id tokens end sooner than an application does.
LoginSource = Given | Callable[[], Given | Awaitable[Given]]

_EARLY = 300.0  # seconds before their end at which credentials are replaced
_EXPIRED = frozenset({"ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidClientTokenId"})


class Session:
    def __init__(self, identity_pool_id: str, file: LocalFile, service: Service, logins: LoginSource | None) -> None:
        self.pool_id = identity_pool_id
        self._file = file
        self._service = service
        self._logins = logins
        self._credentials: Credentials | None = None

    @property
    def identity_id(self) -> str | None:
        """None until the service was reached for the first time."""
        known = self._file.identity(self.pool_id)
        return known[0] if known else None

    @property
    def owner(self) -> str:
        """Whose data the file shows now: the identity's, or that of whoever will be the first."""
        return self.identity_id or f"local:{self.pool_id.rpartition(':')[2]}"

    def sign_in(self, logins: LoginSource | None) -> None:
        """None signs out: the next one is a new guest."""
        self._logins, self._credentials = logins, None
        known = self._file.identity(self.pool_id)
        if logins is None and known is not None and known[1]:
            self._file.forget(self.pool_id)

    def wipe(self) -> None:
        self._credentials = None
        self._file.wipe()

    def ready(self) -> Steps[Credentials]:
        """Credentials that last. Raises Refused, Unreachable, NotSignedIn."""
        return self._fresh() or (yield Alone("credentials", self._renew()))

    def call(
        self,
        credentials: Credentials,
        method: str,
        path: tuple[str, ...],
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Steps[dict[str, Any]]:
        """`path` below the identity pool. Credentials that the service no longer knows are replaced once. Raises Refused, Later."""
        whole = ("identitypools", self.pool_id, *path)
        try:
            return (yield from self._service.sync(credentials, method, whole, query=query, body=body))
        except Refused as refused:
            if not self.renews(refused, credentials):
                raise
        again = yield from self.ready()
        if again.identity_id != credentials.identity_id:
            raise NotSignedIn("Another identity is here now.")
        return (yield from self._service.sync(again, method, whole, query=query, body=body))

    def renews(self, refused: Refused, credentials: Credentials) -> bool:
        """Whether it is the credentials: then they are dropped."""
        if refused.code in _EXPIRED and self._credentials is credentials:
            self._credentials = None
        return refused.code in _EXPIRED

    def _fresh(self) -> Credentials | None:
        held = self._credentials
        return held if held is not None and held.expires_at - _EARLY > self._service.now() else None

    def _renew(self) -> Steps[Credentials]:
        if (held := self._fresh()) is not None:
            return held
        source = self._logins
        given: Given | None = (yield Ask(source)) if callable(source) else source
        if isinstance(given, DeveloperLogin):
            return (yield from self._credentials_for(given, source))
        logins = given
        known = self._file.identity(self.pool_id)
        if known is not None and known[1] and not logins:
            raise NotSignedIn("The data is a user's: set_logins() with their logins, or with None to sign out.")
        if known is None or known[1]:
            # A user's identity is asked for anew: these may be the logins of another user, who must not be linked to it.
            found = (yield from self._service.identity("GetId", {"IdentityPoolId": self.pool_id, **_with(logins)}))["IdentityId"]
            if known is None or known[0] != found:
                self._remember(str(found), logins, carry=None if known else self.owner)
            known = (str(found), bool(logins))
        if source is not self._logins:  # signed in or out while the service was asked
            return (yield from self._renew())
        return (yield from self._credentials_of(known[0], logins, source))

    def _credentials_of(self, identity_id: str, logins: Logins | None, source: LoginSource | None) -> Steps[Credentials]:
        """Of this identity, or of that into which it is merged by these logins."""
        try:
            answer = yield from self._asked(identity_id, logins)
        except Refused as refused:
            gone = refused.code == "ResourceNotFoundException" and "Identity '" in refused.message
            if not gone and not (_is_anothers(refused) and self._file.identity(self.pool_id) == (identity_id, False)):
                raise
            found = str((yield from self._service.identity("GetId", {"IdentityPoolId": self.pool_id, **_with(logins)}))["IdentityId"])
            if gone:
                # The next one takes over what lies here, and learns dataset by dataset that the service has it no more.
                self._remember(found, logins, carry=identity_id, merged=False)
            else:
                # The guest has become a user, and the answer that said so was lost: somebody else is here now, or nobody.
                self._file.leave(self.pool_id, identity_id, found, authenticated=bool(logins))
            answer = yield from self._asked(found, logins)
            identity_id = found
        credentials = _read(answer)
        if source is self._logins:
            who = credentials.identity_id
            if self._file.identity(self.pool_id) != (who, bool(logins)):
                self._remember(who, logins, carry=identity_id)
            if logins:
                yield from self._fetch_left_behind(who, logins)
            self._credentials = credentials
        return credentials

    def _credentials_for(self, login: DeveloperLogin, source: LoginSource | None) -> Steps[Credentials]:
        """Nothing is looked up: the backend knows whose identity it is. Whoever else was here stays apart, unless they became this one."""
        credentials = _read((yield from self._asked(login.identity_id, login.logins)))
        if source is not self._logins:  # signed in or out while the service was asked
            return (yield from self._renew())
        who = credentials.identity_id
        known = self._file.identity(self.pool_id)
        if known is None or known[0] in (who, login.identity_id):
            self._remember(who, login.logins, carry=self.owner)
        else:
            self._file.leave(self.pool_id, known[0], who, authenticated=True)
        yield from self._fetch_left_behind(who, login.logins)
        self._credentials = credentials
        return credentials

    def _asked(self, identity_id: str, logins: Logins | None) -> Steps[dict[str, Any]]:
        return self._service.identity("GetCredentialsForIdentity", {"IdentityId": identity_id, **_with(logins)})

    def _fetch_left_behind(self, who: str, logins: Logins) -> Steps[None]:
        """What waits here of guests who became this user."""
        for guest in self._file.left_behind(self.pool_id):
            try:
                became = who if guest == who else str((yield from self._asked(guest, logins))["IdentityId"])
            except Refused:
                continue  # another's
            if became == who:
                self._remember(who, logins, carry=guest)

    def _remember(self, identity_id: str, logins: Logins | None, *, carry: str | None, merged: bool = True) -> None:
        self._file.remember(self.pool_id, identity_id, authenticated=bool(logins), carry=carry, merged=merged)


def _is_anothers(refused: Refused) -> bool:
    """Whether an identity is refused because it is, or has become, that of other logins. The first text is for guests, the second for users."""
    return refused.code == "NotAuthorizedException" and refused.message.startswith(("Access to Identity", "Logins don't match"))


def _read(answer: Mapping[str, Any]) -> Credentials:
    made = answer["Credentials"]
    expires_at = float(made["Expiration"])
    return Credentials(str(answer["IdentityId"]), made["AccessKeyId"], made["SecretKey"], made["SessionToken"], expires_at)


def _with(logins: Logins | None) -> dict[str, Any]:
    return {"Logins": dict(logins)} if logins else {}
