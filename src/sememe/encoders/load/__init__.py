"""Encoders by name or folder."""
