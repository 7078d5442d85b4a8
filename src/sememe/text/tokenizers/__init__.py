"""Subword tokenizers: training, use, and the files they are read from."""
