"""Universal Sentence Encoder (multilingual), run without TensorFlow."""
