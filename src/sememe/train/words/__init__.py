"""Word2Vec and fastText."""
