-- Imports of users from CSV files. A file is kept in sealed parts until its job ends, so that any process can take the job up where
-- another one left it: `done` bytes of the file and `line` lines are worked off, in the same transaction as the users that they named.
CREATE TABLE import_jobs (
  pool_id TEXT NOT NULL,
  job_id TEXT NOT NULL,
  name TEXT NOT NULL,
  role_arn TEXT NOT NULL,
  hashing TEXT,
  status TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  started_at DOUBLE PRECISION,
  completed_at DOUBLE PRECISION,
  imported BIGINT NOT NULL,
  skipped BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  message TEXT,
  uploading TEXT NOT NULL,
  upload TEXT NOT NULL,
  size BIGINT NOT NULL,
  lines BIGINT NOT NULL,
  done BIGINT NOT NULL,
  line BIGINT NOT NULL,
  owner TEXT NOT NULL,
  leased_until DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (pool_id, job_id)
);
CREATE INDEX import_jobs_by_time ON import_jobs (pool_id, created_at, job_id);
CREATE INDEX import_jobs_by_status ON import_jobs (status, created_at);

CREATE TABLE import_parts (
  pool_id TEXT NOT NULL,
  job_id TEXT NOT NULL,
  upload TEXT NOT NULL,
  part BIGINT NOT NULL,
  data BYTEA NOT NULL,
  PRIMARY KEY (pool_id, job_id, upload, part)
);

-- What became of the lines: runs of neighbours with the same outcome, a row for each batch, by the first line of it.
CREATE TABLE import_log (
  pool_id TEXT NOT NULL,
  job_id TEXT NOT NULL,
  line BIGINT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (pool_id, job_id, line)
);
