"""Image and audio files: decoding, and one item per file."""
