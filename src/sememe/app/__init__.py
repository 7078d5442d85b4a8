"""The command line: thin wrappers over library functions."""
