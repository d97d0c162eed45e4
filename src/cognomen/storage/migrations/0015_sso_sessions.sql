-- Single sign-on sessions: that a browser has signed in, so that another client of the pool need not ask again. Token sessions that came
-- through one name it (sessions.origin_session_id).
CREATE TABLE sso_sessions (
  pool_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  sub TEXT NOT NULL,
  client_id TEXT NOT NULL, -- where the user signed in
  authenticated_at DOUBLE PRECISION NOT NULL,
  expires_at DOUBLE PRECISION NOT NULL,
  last_active_at DOUBLE PRECISION NOT NULL,
  last_ip TEXT NOT NULL,
  device_type TEXT NOT NULL,
  PRIMARY KEY (pool_id, session_id)
);
CREATE INDEX sso_sessions_by_user ON sso_sessions (pool_id, sub);
CREATE INDEX sso_sessions_by_expiry ON sso_sessions (expires_at);
