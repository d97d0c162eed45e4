"""The catalogues of the sign-in pages in other languages: the keys of texts.ENGLISH, each in a file of its own."""
