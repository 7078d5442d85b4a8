"""Corpora of words: reading, vocabulary, counting, phrases."""
