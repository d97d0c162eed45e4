"""Identity pools: identities of users from everywhere and of guests, their tokens and their temporary credentials."""
