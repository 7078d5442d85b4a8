"""Thin skins over the library: the command line."""
