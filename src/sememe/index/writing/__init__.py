"""From items to commits: read, plan, chunk, encode, commit."""
