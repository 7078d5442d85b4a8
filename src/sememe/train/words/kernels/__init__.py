"""The compiled inner loops of Word2Vec and fastText, and their NumPy reference."""
