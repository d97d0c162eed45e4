-- Cognito Sync: what an identity keeps. A deleted dataset's row stays (present = 0), for devices that have not heard of it, and counts go on from it;
-- so does a removed record's (value IS NULL). `merged_from` is the identity that brought the dataset along when it was merged into this one.
CREATE TABLE sync_datasets (
  pool_id TEXT NOT NULL,
  identity_id TEXT NOT NULL,
  name TEXT NOT NULL,
  present BIGINT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  modified_at DOUBLE PRECISION NOT NULL,
  modified_by TEXT NOT NULL,
  sync_count BIGINT NOT NULL,
  deleted_count BIGINT NOT NULL, -- the sync count at its last deletion
  records BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  merged_from TEXT,
  PRIMARY KEY (pool_id, identity_id, name)
);

CREATE TABLE sync_records (
  pool_id TEXT NOT NULL,
  identity_id TEXT NOT NULL,
  name TEXT NOT NULL, -- of the dataset
  key TEXT NOT NULL,
  value TEXT,
  sync_count BIGINT NOT NULL,
  modified_at DOUBLE PRECISION NOT NULL,
  modified_by TEXT NOT NULL,
  device_modified_at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (pool_id, identity_id, name, key)
);
-- "What changed since": the records after a sync count, in its order.
CREATE UNIQUE INDEX sync_records_changed ON sync_records (pool_id, identity_id, name, sync_count, key);

-- An identity pool's storage and sessions, in shards: one row would be what all its updates wait for.
CREATE TABLE sync_usage (
  pool_id TEXT NOT NULL,
  shard BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  modified_at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (pool_id, shard)
);

-- Sync sessions by month (YYYY-MM, UTC), as AWS bills them.
CREATE TABLE sync_sessions (
  pool_id TEXT NOT NULL,
  month TEXT NOT NULL,
  sessions BIGINT NOT NULL,
  PRIMARY KEY (pool_id, month)
);

-- Cognito Events, push and streams of an identity pool, as JSON.
CREATE TABLE sync_settings (pool_id TEXT PRIMARY KEY, body TEXT NOT NULL);
