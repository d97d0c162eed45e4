"""The OAuth 2.0 and OpenID Connect endpoints of a user pool: bytes in, bytes out. Rules of codes and tokens are in userpools/."""
