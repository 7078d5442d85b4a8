"""The index: sources, encoders and the store combined."""
