-- One row per registered passkey. `sign_count` is the authenticator's counter when it was last used; `transports` is a JSON list.
CREATE TABLE passkeys (
  pool_id TEXT NOT NULL,
  sub TEXT NOT NULL,
  credential_id TEXT NOT NULL,
  public_key BYTEA NOT NULL,
  sign_count BIGINT NOT NULL,
  relying_party_id TEXT NOT NULL,
  attachment TEXT,
  transports TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  used_at DOUBLE PRECISION,
  PRIMARY KEY (pool_id, sub, credential_id)
);
CREATE UNIQUE INDEX passkeys_by_credential ON passkeys (pool_id, credential_id);
