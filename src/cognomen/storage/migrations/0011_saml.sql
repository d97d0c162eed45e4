-- SAML providers of an account. `body` holds what is needed to verify their responses; the document as it was given stands apart: it may be large.
CREATE TABLE saml_providers (
  account TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  body TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (account, name)
);
