"""multilingual-e5-small in 4-bit blocks: its file, weights, and a folder for training."""
