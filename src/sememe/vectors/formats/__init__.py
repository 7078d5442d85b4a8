"""File formats of labelled vectors, and how a file's format is recognized."""
