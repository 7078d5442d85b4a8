"""Sentence encoders and cross-encoders: recipes, examples, losses, evaluation."""
