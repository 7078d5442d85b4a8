"""Text processing: normalisation, chunking, tokenizers, and the terms of keyword search."""
