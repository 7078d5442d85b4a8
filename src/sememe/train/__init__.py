"""Recipes: one for each objective."""
