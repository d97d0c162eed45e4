-- A session is kept under its user: a token names both, and the index of a user's sessions, a third of what a sign-in writes, is not needed.
CREATE TABLE sessions_of_users (
  pool_id TEXT NOT NULL,
  origin_jti TEXT NOT NULL,
  sub TEXT NOT NULL,
  client_id TEXT NOT NULL,
  refresh_digest BYTEA NOT NULL,
  auth_time DOUBLE PRECISION NOT NULL,
  expires_at DOUBLE PRECISION NOT NULL,
  revoked_at DOUBLE PRECISION,
  scope TEXT NOT NULL,
  device_key TEXT,
  session_id TEXT,
  origin_session_id TEXT,
  last_active_at DOUBLE PRECISION,
  last_ip TEXT,
  device_type TEXT,
  acr TEXT,
  PRIMARY KEY (pool_id, sub, origin_jti)
);
INSERT INTO sessions_of_users SELECT pool_id, origin_jti, sub, client_id, refresh_digest, auth_time, expires_at, revoked_at, scope, device_key, session_id,
  origin_session_id, last_active_at, last_ip, device_type, acr FROM sessions;
ALTER TABLE rotated_refresh_tokens ADD COLUMN sub TEXT NOT NULL DEFAULT '';
UPDATE rotated_refresh_tokens SET sub = COALESCE((SELECT s.sub FROM sessions s WHERE s.pool_id = rotated_refresh_tokens.pool_id
  AND s.origin_jti = rotated_refresh_tokens.origin_jti), '');
DROP TABLE sessions;
ALTER TABLE sessions_of_users RENAME TO sessions;
CREATE UNIQUE INDEX sessions_by_refresh_digest ON sessions (pool_id, refresh_digest);
CREATE INDEX sessions_by_client ON sessions (pool_id, client_id);
CREATE INDEX sessions_tracked ON sessions (pool_id, sub, session_id) WHERE session_id IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
