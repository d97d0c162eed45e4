"""What proves who someone is: signing keys, JWTs and their claims, refresh tokens, issuers; and the access keys of those who call."""
