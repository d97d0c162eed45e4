-- Identity providers of user pools. `body` is JSON with what is no secret, `secrets` what is, sealed; identifiers are kept folded.
CREATE TABLE identity_providers (
  pool_id TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  modified_at DOUBLE PRECISION NOT NULL,
  body TEXT NOT NULL,
  secrets BYTEA NOT NULL,
  PRIMARY KEY (pool_id, name)
);
CREATE TABLE idp_identifiers (
  pool_id TEXT NOT NULL,
  identifier TEXT NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (pool_id, identifier)
);
-- Keys of a pool as a SAML service provider: the one that signs requests has an empty name, the one for which a provider encrypts has the provider's.
CREATE TABLE federation_keys (
  pool_id TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  certificate BYTEA NOT NULL,
  private_key BYTEA NOT NULL, -- sealed
  PRIMARY KEY (pool_id, name)
);
-- Who at a provider is which user here. `attribute` is Cognito_Subject, or, until its first sign-in, the pool's attribute by which a link was made.
-- `own` is 1 for the identity from which a profile was made, 0 for one that an administrator linked.
CREATE TABLE federated_identities (
  pool_id TEXT NOT NULL,
  provider TEXT NOT NULL,
  attribute TEXT NOT NULL,
  value TEXT NOT NULL,
  sub TEXT NOT NULL,
  own BIGINT NOT NULL,
  kind TEXT NOT NULL, -- AWS's ProviderType
  issuer TEXT,
  created_at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (pool_id, provider, attribute, value)
);
CREATE INDEX federated_identities_by_user ON federated_identities (pool_id, sub);
