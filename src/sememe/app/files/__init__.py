"""Reading texts and writing vectors on the command line."""
