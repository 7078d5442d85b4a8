"""Encoders of several modalities in one space: CLIP, CLAP, learnt projections."""
