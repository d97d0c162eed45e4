-- Settings of a copied pool for which there are no operations yet, as its source showed them, for when there are. `body` is sealed: a provider's
-- settings hold its secret. `kind` is AWS's name of the thing, `name` its own.
CREATE TABLE kept_settings (
  pool_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  body BYTEA NOT NULL,
  PRIMARY KEY (pool_id, kind, name)
);
