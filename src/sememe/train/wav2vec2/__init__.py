"""wav2vec 2.0: self-supervised learning of speech."""
