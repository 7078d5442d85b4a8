"""Masked language models: BERT from scratch, or continued."""
