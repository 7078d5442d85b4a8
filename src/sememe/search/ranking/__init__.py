"""How documents are ranked: by vectors, by terms, and by both."""
