"""Lambda triggers: which there are, what their events hold, and where a function runs."""
