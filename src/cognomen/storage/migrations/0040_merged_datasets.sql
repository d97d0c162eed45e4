-- The name that a merged dataset had at the identity which brought it along: its own name tells that to people only, since any dataset may be named like one.
ALTER TABLE sync_datasets ADD COLUMN merged_name TEXT;
UPDATE sync_datasets SET merged_name = SUBSTR(name, 1, LENGTH(name) - LENGTH(merged_from) - 1) WHERE merged_from IS NOT NULL;
CREATE INDEX sync_datasets_merged ON sync_datasets (pool_id, identity_id, merged_name, name) WHERE merged_name IS NOT NULL;
