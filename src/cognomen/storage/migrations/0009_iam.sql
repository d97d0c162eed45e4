-- Roles and policies; the tenant is the account. `body` holds JSON. Documents are kept as they were given: GetRolePolicy gives them back so.
CREATE TABLE roles (
  account TEXT NOT NULL,
  name_key TEXT NOT NULL, -- names differ in more than case
  created_at DOUBLE PRECISION NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (account, name_key)
);
CREATE TABLE role_policies (
  account TEXT NOT NULL,
  role_key TEXT NOT NULL,
  name TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (account, role_key, name)
);
CREATE TABLE managed_policies (
  account TEXT NOT NULL,
  name_key TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (account, name_key)
);
-- `kind` is "attached" or "boundary".
CREATE TABLE role_attachments (
  account TEXT NOT NULL,
  role_key TEXT NOT NULL,
  kind TEXT NOT NULL,
  policy_key TEXT NOT NULL,
  PRIMARY KEY (account, role_key, kind, policy_key)
);
CREATE INDEX role_attachments_by_policy ON role_attachments (account, policy_key, kind, role_key);
-- OpenID Connect providers, by their URL without the scheme. `body` holds client ids, thumbprints and tags.
CREATE TABLE openid_providers (
  account TEXT NOT NULL,
  url TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (account, url)
);
-- Temporary credentials of a role that were issued before count no more. It outlives the role, so that a new one of its name does not revive them.
CREATE TABLE role_revocations (
  account TEXT NOT NULL,
  role_arn TEXT NOT NULL,
  revoked_before DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (account, role_arn)
);
