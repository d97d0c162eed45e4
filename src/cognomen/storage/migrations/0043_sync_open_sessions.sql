-- Sync sessions that may still go on, by the five minutes in which they end: how many were issued, and how many of them ended with an update. Once those are
-- over, they are added to the pool's month (sync_sessions). In shards: one row would be what all updates of a pool wait for.
CREATE TABLE sync_open_sessions (
  pool_id TEXT NOT NULL,
  ends_at BIGINT NOT NULL,
  shard BIGINT NOT NULL,
  issued BIGINT NOT NULL,
  ended BIGINT NOT NULL,
  PRIMARY KEY (pool_id, ends_at, shard)
);
CREATE INDEX sync_open_sessions_over ON sync_open_sessions (ends_at);
