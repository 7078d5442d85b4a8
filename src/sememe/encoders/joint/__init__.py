"""Encoders of several modalities in one space: CLIP, CLAP, learned projections."""
