"""Verifies what others issued: tokens, assertions, access tokens that only their issuer can judge. Knows nobody who asks."""
