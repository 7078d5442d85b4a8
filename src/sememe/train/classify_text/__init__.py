"""Classifiers of texts: the recipe, its heads, cross-validation and report."""
