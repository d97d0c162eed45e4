"""Where a pool's users were before, asked for the password that they bring."""
