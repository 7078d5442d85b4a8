"""The store: vectors and terms in, ids and scores out. It is independent of encoders."""
