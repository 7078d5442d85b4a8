"""Readers of evaluation data: BEIR, scored pairs, analogies, aligned lines, folds."""
