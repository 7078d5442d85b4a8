"""Tables of records: CSV, TSV, JSON Lines and Parquet, one item per row."""
