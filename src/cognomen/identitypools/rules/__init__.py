"""Pure decisions of identity pools: settings, logins, roles, tags."""
