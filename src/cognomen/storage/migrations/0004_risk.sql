-- Threat protection. client_id is '' for the configuration of the whole pool. Bodies are JSON.
CREATE TABLE risk_configurations (
  pool_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  modified_at DOUBLE PRECISION NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (pool_id, client_id)
);

-- What a user did, newest first. sub is the digest of the name where nobody has it: such a row is removed by the next sweep.
CREATE TABLE auth_events (
  pool_id TEXT NOT NULL,
  sub TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  event_id TEXT NOT NULL,
  response TEXT NOT NULL,
  body TEXT NOT NULL,
  feedback TEXT,
  expires_at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (pool_id, sub, created_at, event_id)
);
CREATE INDEX auth_events_by_expiry ON auth_events (expires_at);

-- Devices, addresses and places that a user signed in from: one row a user, bounded.
CREATE TABLE risk_profiles (
  pool_id TEXT NOT NULL,
  sub TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (pool_id, sub)
);
