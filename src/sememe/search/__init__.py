"""The store: vectors and terms in, ids and scores out. It never sees an encoder."""
