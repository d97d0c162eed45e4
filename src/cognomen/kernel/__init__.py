"""What every room stands on: clock, ids, secrets, paging, workers, events, log, SRP. Imports nothing of Cognomen above itself."""
