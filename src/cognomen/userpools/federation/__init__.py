"""Sign-in of a pool's users through identity providers: what is asked of the provider, and whose profile its answer is."""
