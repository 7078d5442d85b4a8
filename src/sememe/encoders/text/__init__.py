"""Text encoders: sentences, static and word vectors, masked language models, cross-encoders."""
