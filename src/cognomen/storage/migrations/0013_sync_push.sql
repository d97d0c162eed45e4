-- Push and streams of Cognito Sync. Devices that are told of changes; `token` is sealed, `digest` a keyed one, so that a token has one device.
CREATE TABLE sync_devices (
  pool_id TEXT NOT NULL,
  identity_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  platform TEXT NOT NULL,
  application TEXT NOT NULL, -- the ARN of the platform application
  endpoint TEXT NOT NULL, -- the ARN of its endpoint at SNS; empty where the platform itself is called
  token BYTEA NOT NULL,
  digest BYTEA NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (pool_id, identity_id, device_id)
);
CREATE UNIQUE INDEX sync_devices_token ON sync_devices (pool_id, identity_id, digest);

CREATE TABLE sync_subscriptions (
  pool_id TEXT NOT NULL,
  identity_id TEXT NOT NULL,
  name TEXT NOT NULL, -- of the dataset
  device_id TEXT NOT NULL,
  PRIMARY KEY (pool_id, identity_id, name, device_id)
);

-- What a device is still to be told: of each dataset the newest sync count.
CREATE TABLE sync_notices (
  pool_id TEXT NOT NULL,
  identity_id TEXT NOT NULL,
  name TEXT NOT NULL,
  device_id TEXT NOT NULL,
  sync_count BIGINT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  due_at DOUBLE PRECISION NOT NULL,
  failures BIGINT NOT NULL,
  PRIMARY KEY (pool_id, identity_id, name, device_id)
);
CREATE INDEX sync_notices_due ON sync_notices (due_at);

-- Changes on their way to a pool's stream, in the order of an identity by position (microseconds) and sync count.
CREATE TABLE sync_outbox (
  pool_id TEXT NOT NULL,
  position BIGINT NOT NULL,
  identity_id TEXT NOT NULL,
  name TEXT NOT NULL,
  sync_count BIGINT NOT NULL,
  operation TEXT NOT NULL,
  modified_at DOUBLE PRECISION NOT NULL,
  records TEXT NOT NULL, -- JSON
  PRIMARY KEY (pool_id, position, identity_id, name, sync_count)
);
CREATE INDEX sync_outbox_identity ON sync_outbox (pool_id, identity_id);

-- Who delivers a pool's changes until when, and how often it failed in a row.
CREATE TABLE sync_queues (
  pool_id TEXT PRIMARY KEY,
  due_at DOUBLE PRECISION NOT NULL,
  failures BIGINT NOT NULL
);

-- Updates too large for a record of a stream, which names an address for them.
CREATE TABLE sync_payloads (
  pool_id TEXT NOT NULL,
  payload_id TEXT NOT NULL,
  identity_id TEXT NOT NULL,
  expires_at DOUBLE PRECISION NOT NULL,
  records TEXT NOT NULL,
  PRIMARY KEY (pool_id, payload_id)
);
CREATE INDEX sync_payloads_expiry ON sync_payloads (expires_at);
CREATE INDEX sync_payloads_identity ON sync_payloads (pool_id, identity_id);

-- The last bulk publish of a pool, and how far it came.
CREATE TABLE sync_bulk (
  pool_id TEXT PRIMARY KEY,
  status TEXT NOT NULL,
  started_at DOUBLE PRECISION NOT NULL,
  completed_at DOUBLE PRECISION,
  message TEXT NOT NULL,
  identity_id TEXT NOT NULL, -- behind this identity's dataset it goes on
  name TEXT NOT NULL,
  due_at DOUBLE PRECISION NOT NULL,
  failures BIGINT NOT NULL
);
CREATE INDEX sync_bulk_due ON sync_bulk (status, due_at);
