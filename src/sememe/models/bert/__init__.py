"""BERT encoders: weights, graph, engine, pooling, int8 and the masked-language-model head."""
