-- What the pages and OAuth endpoints of a pool are configured with. A domain's name alone leads to its pool, so names have a directory of their own,
-- as clients' ids have; `kind` is prefix or custom, and a pool has one of each at most.
CREATE TABLE domains (
  pool_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  domain TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  modified_at DOUBLE PRECISION NOT NULL,
  managed_login_version INTEGER NOT NULL,
  certificate_arn TEXT,
  PRIMARY KEY (pool_id, kind)
);
CREATE TABLE domain_directory (
  domain TEXT NOT NULL PRIMARY KEY,
  pool_id TEXT NOT NULL
);
CREATE TABLE resource_servers (
  pool_id TEXT NOT NULL,
  identifier TEXT NOT NULL,
  name TEXT NOT NULL,
  scopes TEXT NOT NULL,
  PRIMARY KEY (pool_id, identifier)
);
-- `client_id` is a client's or ALL.
CREATE TABLE ui_customizations (
  pool_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  modified_at DOUBLE PRECISION NOT NULL,
  css TEXT,
  image_id TEXT,
  PRIMARY KEY (pool_id, client_id)
);
-- `settings` is the document as it was given, or nothing where the style is the server's own.
CREATE TABLE login_brandings (
  pool_id TEXT NOT NULL,
  branding_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  modified_at DOUBLE PRECISION NOT NULL,
  provided INTEGER NOT NULL,
  settings TEXT,
  assets TEXT NOT NULL,
  PRIMARY KEY (pool_id, branding_id)
);
CREATE UNIQUE INDEX login_brandings_by_client ON login_brandings (pool_id, client_id);
-- The bytes of images, apart from the settings that name them. An image never changes: another one has another id. `owner` is the branding's id or
-- the customization's client.
CREATE TABLE branding_images (
  pool_id TEXT NOT NULL,
  image_id TEXT NOT NULL,
  owner TEXT NOT NULL,
  extension TEXT NOT NULL,
  bytes BYTEA NOT NULL,
  PRIMARY KEY (pool_id, image_id)
);
CREATE INDEX branding_images_by_owner ON branding_images (pool_id, owner);
CREATE TABLE terms (
  pool_id TEXT NOT NULL,
  terms_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  modified_at DOUBLE PRECISION NOT NULL,
  links TEXT NOT NULL,
  PRIMARY KEY (pool_id, terms_id)
);
CREATE UNIQUE INDEX terms_by_client ON terms (pool_id, client_id, name);
-- What was kept sealed for these operations: `cognomen import cognito` run again copies it from its source.
DROP TABLE kept_settings;
