"""The client's side of sign-in at another provider: where a browser is sent, and what is made of what it brings back."""
