"""Text before vectors: normalise, split, chunk, tokenise, and the terms of keyword search."""
