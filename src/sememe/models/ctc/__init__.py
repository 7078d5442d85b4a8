"""CTC decoding: vocabulary, greedy and beam search."""
