"""Cognito Sync: a key-value store for each identity, in datasets that devices synchronise."""
