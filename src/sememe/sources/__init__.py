"""Readers of user data: folders, text, tables, documents, images and audio become `Item`s.

The content of a file never raises. What cannot be used is yielded as `Skipped`, in order among the
items, with a readable reason. A `Skipped` may also concern part of a file: a row that is too short,
three bytes that are not UTF-8; the rest of that file is read.
"""

from sememe.sources.files import SourceFile, find_files
from sememe.sources.piped_lines import read_lines
from sememe.sources.read import read_file

__all__ = ["SourceFile", "find_files", "read_file", "read_lines"]
