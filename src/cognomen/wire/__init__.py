"""The edge for AWS requests: bytes in, bytes out. No SQL, no rules."""
