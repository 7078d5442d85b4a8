"""The index people touch: sources, encoders and the store, put together."""
