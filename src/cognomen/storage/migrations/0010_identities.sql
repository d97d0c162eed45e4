-- Identity pools and the identities in them. Keys begin with the identity pool's id (its column is pool_id as everywhere).
CREATE TABLE identity_pools (
  pool_id TEXT PRIMARY KEY,
  region TEXT NOT NULL,
  state TEXT NOT NULL, -- "active" or "deleting"
  created_at DOUBLE PRECISION NOT NULL,
  modified_at DOUBLE PRECISION NOT NULL,
  body TEXT NOT NULL -- AWS's IdentityPool, roles, mappings and principal tags, as JSON
);
CREATE INDEX identity_pools_by_region ON identity_pools (region, state, pool_id);

-- `merged_into` is set once an identity was merged into another: it is disabled, and whoever comes with its id gets the other.
CREATE TABLE identities (
  pool_id TEXT NOT NULL,
  identity_id TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  modified_at DOUBLE PRECISION NOT NULL,
  authenticated BIGINT NOT NULL, -- 1 once a login was linked: never a guest's again
  merged_into TEXT,
  PRIMARY KEY (pool_id, identity_id)
);
-- Lists without the disabled read the page that they return.
CREATE INDEX identities_enabled ON identities (pool_id, identity_id) WHERE merged_into IS NULL;
-- What is to be pointed elsewhere when that identity is merged or deleted in its turn.
CREATE INDEX identities_merged ON identities (pool_id, merged_into) WHERE merged_into IS NOT NULL;

-- Who an identity is elsewhere: a keyed digest of the identifier that the provider gave. `sealed` is the identifier of a developer's own
-- user, which LookupDeveloperIdentity must give back; nothing else is kept of anybody.
CREATE TABLE identity_logins (
  pool_id TEXT NOT NULL,
  provider TEXT NOT NULL,
  digest BYTEA NOT NULL,
  identity_id TEXT NOT NULL,
  sealed BYTEA,
  PRIMARY KEY (pool_id, provider, digest)
);
CREATE UNIQUE INDEX identity_logins_by_identity ON identity_logins (pool_id, identity_id, provider, digest);

-- The calls of guests and users name an identity alone.
CREATE TABLE identity_directory (identity_id TEXT PRIMARY KEY, pool_id TEXT NOT NULL);
CREATE INDEX identity_directory_by_pool ON identity_directory (pool_id, identity_id);
