"""IAM policies as values: read, and asked whether they permit a request. Pure: no clock, no storage, no network."""
