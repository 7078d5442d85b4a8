"""Encoders: items of one modality in, unit vectors of one space out."""
