"""Labelled vectors: lookups, neighbours, arithmetic, and the file formats they come in."""
