"""Metrics as functions: rankings, correlation, error rates, confusion, bootstrap intervals."""
