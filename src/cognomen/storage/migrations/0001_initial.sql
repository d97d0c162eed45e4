-- Every primary key begins with the tenant (pool_id); ids are random; no foreign keys across tenants, no sequences.
-- Times are seconds since 1970. `body` columns hold JSON with AWS's member names. Runs unchanged on SQLite and PostgreSQL.
CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL);

CREATE TABLE config_version (id BIGINT PRIMARY KEY, version BIGINT NOT NULL);
INSERT INTO config_version (id, version) VALUES (1, 1);

CREATE TABLE pools (
  pool_id TEXT PRIMARY KEY,
  region TEXT NOT NULL,
  state TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  modified_at DOUBLE PRECISION NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX pools_by_region ON pools (region, state, pool_id);

CREATE TABLE signing_keys (
  pool_id TEXT PRIMARY KEY,
  id_kid TEXT NOT NULL,
  id_key BYTEA NOT NULL,
  access_kid TEXT NOT NULL,
  access_key BYTEA NOT NULL
);

CREATE TABLE clients (
  pool_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  modified_at DOUBLE PRECISION NOT NULL,
  body TEXT NOT NULL,
  secrets TEXT NOT NULL,
  sso_minutes BIGINT NOT NULL DEFAULT 60,
  PRIMARY KEY (pool_id, client_id)
);
CREATE TABLE client_directory (client_id TEXT PRIMARY KEY, pool_id TEXT NOT NULL);

CREATE TABLE users (
  pool_id TEXT NOT NULL,
  sub TEXT NOT NULL,
  username TEXT NOT NULL,
  username_key TEXT NOT NULL,
  status TEXT NOT NULL,
  enabled BIGINT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  modified_at DOUBLE PRECISION NOT NULL,
  attributes TEXT NOT NULL,
  credential BYTEA,
  password_expires_at DOUBLE PRECISION,
  signed_out_at DOUBLE PRECISION,
  factors TEXT,
  listed TEXT NOT NULL,
  email_key TEXT,
  phone_key TEXT,
  name_key TEXT,
  given_name_key TEXT,
  family_name_key TEXT,
  preferred_username_key TEXT,
  PRIMARY KEY (pool_id, sub)
);
CREATE UNIQUE INDEX users_by_username ON users (pool_id, username_key);
CREATE INDEX users_by_status ON users (pool_id, status, sub);
CREATE INDEX users_by_enabled ON users (pool_id, enabled, sub);
CREATE INDEX users_by_email ON users (pool_id, email_key, sub) WHERE email_key IS NOT NULL;
CREATE INDEX users_by_phone ON users (pool_id, phone_key, sub) WHERE phone_key IS NOT NULL;
CREATE INDEX users_by_name ON users (pool_id, name_key, sub) WHERE name_key IS NOT NULL;
CREATE INDEX users_by_given_name ON users (pool_id, given_name_key, sub) WHERE given_name_key IS NOT NULL;
CREATE INDEX users_by_family_name ON users (pool_id, family_name_key, sub) WHERE family_name_key IS NOT NULL;
CREATE INDEX users_by_preferred_username ON users (pool_id, preferred_username_key, sub) WHERE preferred_username_key IS NOT NULL;

-- Counted in shards so that sign-ups do not queue behind one row.
CREATE TABLE user_counts (pool_id TEXT NOT NULL, shard TEXT NOT NULL, users BIGINT NOT NULL, PRIMARY KEY (pool_id, shard));

CREATE TABLE aliases (
  pool_id TEXT NOT NULL,
  attribute TEXT NOT NULL,
  value TEXT NOT NULL,
  sub TEXT NOT NULL,
  PRIMARY KEY (pool_id, attribute, value)
);
CREATE INDEX aliases_by_user ON aliases (pool_id, sub);

CREATE TABLE password_history (
  pool_id TEXT NOT NULL,
  sub TEXT NOT NULL,
  changed_at DOUBLE PRECISION NOT NULL,
  credential BYTEA NOT NULL,
  PRIMARY KEY (pool_id, sub, changed_at)
);

CREATE TABLE user_groups (
  pool_id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT,
  role_arn TEXT,
  precedence BIGINT,
  created_at DOUBLE PRECISION NOT NULL,
  modified_at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (pool_id, name)
);
CREATE TABLE group_members (
  pool_id TEXT NOT NULL,
  name TEXT NOT NULL,
  sub TEXT NOT NULL,
  PRIMARY KEY (pool_id, name, sub)
);
CREATE INDEX group_members_by_user ON group_members (pool_id, sub, name);

-- One row per sign-in. Its refresh token is kept as a digest; tokens are of this session by origin_jti. `device_key` binds it to the device
-- that it began on. From `session_id` on: what session tracking knows of it, NULL where the pool did not track when it began.
CREATE TABLE sessions (
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
  PRIMARY KEY (pool_id, origin_jti)
);
CREATE UNIQUE INDEX sessions_by_refresh_digest ON sessions (pool_id, refresh_digest);
CREATE INDEX sessions_by_user ON sessions (pool_id, sub);
CREATE INDEX sessions_by_client ON sessions (pool_id, client_id);
CREATE INDEX sessions_tracked ON sessions (pool_id, sub, session_id) WHERE session_id IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Refresh tokens that rotation replaced: usable until grace_until, and after that proof of reuse.
CREATE TABLE rotated_refresh_tokens (
  pool_id TEXT NOT NULL,
  refresh_digest BYTEA NOT NULL,
  origin_jti TEXT NOT NULL,
  grace_until DOUBLE PRECISION NOT NULL,
  expires_at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (pool_id, refresh_digest)
);
CREATE INDEX rotated_refresh_tokens_by_session ON rotated_refresh_tokens (pool_id, origin_jti);
CREATE INDEX rotated_refresh_tokens_by_expiry ON rotated_refresh_tokens (expires_at);

CREATE TABLE codes (
  pool_id TEXT NOT NULL,
  sub TEXT NOT NULL,
  purpose TEXT NOT NULL,
  digest BYTEA NOT NULL,
  attribute TEXT NOT NULL,
  value TEXT NOT NULL,
  expires_at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (pool_id, sub, purpose)
);
CREATE INDEX codes_by_expiry ON codes (expires_at);

-- Attempts and requests that are limited: wrong passwords, wrong codes, messages asked for. `subject` is a sub or the digest of an unknown name.
CREATE TABLE attempts (
  pool_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  kind TEXT NOT NULL,
  failures BIGINT NOT NULL,
  last_at DOUBLE PRECISION NOT NULL,
  expires_at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (pool_id, subject, kind)
);
CREATE INDEX attempts_by_expiry ON attempts (expires_at);

-- What may be used once and was: challenge sessions, SECRET_BLOCKs.
CREATE TABLE used_marks (
  pool_id TEXT NOT NULL,
  mark BYTEA NOT NULL,
  expires_at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (pool_id, mark)
);
CREATE INDEX used_marks_by_expiry ON used_marks (expires_at);

CREATE TABLE access_keys (
  access_key_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  policy TEXT NOT NULL,
  secret BYTEA NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  revoked_at DOUBLE PRECISION
);

CREATE TABLE inbox (
  message_id TEXT PRIMARY KEY,
  pool_id TEXT NOT NULL,
  channel TEXT NOT NULL,
  recipient TEXT NOT NULL,
  sent_at DOUBLE PRECISION NOT NULL,
  body BYTEA NOT NULL
);
CREATE INDEX inbox_by_recipient ON inbox (recipient, sent_at);
CREATE INDEX inbox_by_pool ON inbox (pool_id);
CREATE INDEX inbox_by_time ON inbox (sent_at);
