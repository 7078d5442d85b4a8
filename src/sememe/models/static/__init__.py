"""Static token embeddings: one vector per token, averaged."""
