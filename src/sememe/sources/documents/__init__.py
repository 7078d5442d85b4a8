"""Documents: plain text, Markdown, HTML, PDF and DOCX, one item per file."""
