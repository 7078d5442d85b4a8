"""wav2vec 2.0 and HuBERT: weights, graph, engine."""
