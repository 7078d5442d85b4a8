"""Cross-encoders: a BERT with a head that scores a pair of texts."""
