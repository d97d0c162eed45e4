-- A key of 1,024 characters is up to 4 kB, more than PostgreSQL takes into an index. `key_id` is the key, or of a long one its beginning and a digest.
ALTER TABLE sync_records RENAME TO sync_records_before;
DROP INDEX sync_records_changed;
CREATE TABLE sync_records (
  pool_id TEXT NOT NULL,
  identity_id TEXT NOT NULL,
  name TEXT NOT NULL, -- of the dataset
  key_id TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT,
  sync_count BIGINT NOT NULL,
  modified_at DOUBLE PRECISION NOT NULL,
  modified_by TEXT NOT NULL,
  device_modified_at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (pool_id, identity_id, name, key_id)
);
-- Long keys of before keep themselves as their id, until they are changed.
INSERT INTO sync_records (pool_id, identity_id, name, key_id, key, value, sync_count, modified_at, modified_by, device_modified_at)
  SELECT pool_id, identity_id, name, key, key, value, sync_count, modified_at, modified_by, device_modified_at FROM sync_records_before;
DROP TABLE sync_records_before;
CREATE UNIQUE INDEX sync_records_changed ON sync_records (pool_id, identity_id, name, sync_count, key_id);
