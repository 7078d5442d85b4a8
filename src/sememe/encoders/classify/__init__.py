"""Classifiers on top of encoders."""
