-- Provisioned request rates belong to the installation, by region, not to a pool.
CREATE TABLE provisioned_limits (
  region TEXT NOT NULL,
  category TEXT NOT NULL,
  rate BIGINT NOT NULL,
  PRIMARY KEY (region, category)
);

-- Log records that wait for their destination. entry_id begins with the time, so that a pool's records leave in order.
CREATE TABLE log_entries (
  pool_id TEXT NOT NULL,
  destination TEXT NOT NULL,
  entry_id TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  record TEXT NOT NULL,
  PRIMARY KEY (pool_id, destination, entry_id)
);

-- One row for each pool and destination that has records waiting: who delivers them now, and when to try again.
CREATE TABLE log_queues (
  pool_id TEXT NOT NULL,
  destination TEXT NOT NULL,
  waiting BIGINT NOT NULL,
  failures BIGINT NOT NULL,
  due_at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (pool_id, destination)
);
CREATE INDEX log_queues_by_due ON log_queues (due_at);
