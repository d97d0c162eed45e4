-- What removed records leave behind is weighed (keys, and 512 bytes for a row), so that it can be bounded: the oldest go, and `deleted_count` becomes the count
-- below which a device has to list everything anew.
ALTER TABLE sync_datasets ADD COLUMN removed_bytes BIGINT NOT NULL DEFAULT 0;
UPDATE sync_datasets SET removed_bytes = COALESCE((SELECT SUM(512 + LENGTH(r.key)) FROM sync_records r WHERE r.pool_id = sync_datasets.pool_id
  AND r.identity_id = sync_datasets.identity_id AND r.name = sync_datasets.name AND r.value IS NULL), 0);

-- An identity's deleted datasets of which no row is left: the highest of their counts, from which one that is made anew goes on.
CREATE TABLE sync_forgotten (
  pool_id TEXT NOT NULL,
  identity_id TEXT NOT NULL,
  sync_count BIGINT NOT NULL,
  PRIMARY KEY (pool_id, identity_id)
);
