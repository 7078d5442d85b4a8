"""The Lance tables on disk: rows, columns, versions, and their upkeep."""
