-- Devices that users confirmed. `verifier` is sealed; `asked` is a device challenge under way, for clients that answer without its session.
CREATE TABLE devices (
  pool_id TEXT NOT NULL,
  sub TEXT NOT NULL,
  device_key TEXT NOT NULL,
  name TEXT,
  status TEXT NOT NULL,
  verifier BYTEA NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  modified_at DOUBLE PRECISION NOT NULL,
  authenticated_at DOUBLE PRECISION NOT NULL,
  last_ip TEXT NOT NULL,
  asked TEXT,
  PRIMARY KEY (pool_id, sub, device_key)
);
