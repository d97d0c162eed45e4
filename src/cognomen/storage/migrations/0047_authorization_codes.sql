-- Authorization codes (RFC 6749, 4.1.2), as digests. A code that was used stays until it expires: should it come again, the session that it
-- led to ends. `body` is sealed, since a code is a sign-in.
CREATE TABLE authorization_codes (
  pool_id TEXT NOT NULL,
  digest BYTEA NOT NULL,
  sub TEXT NOT NULL,
  body BYTEA NOT NULL,
  used INTEGER NOT NULL DEFAULT 0,
  expires_at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (pool_id, digest)
);
CREATE INDEX authorization_codes_by_expiry ON authorization_codes (expires_at);
