"""Reading what people have: folders, text, tables and documents become `Item`s.

Nothing here raises because of what a file holds. What cannot be used comes out as `Skipped`, in
its place among the items, with a reason for people to read. A `Skipped` may also tell of a part
of a file: a row that is too short, three bytes that are not UTF-8; the rest of that file is read.
"""

from sememe.sources.files import SourceFile, find_files
from sememe.sources.piped_lines import read_lines
from sememe.sources.read import read_file

__all__ = ["SourceFile", "find_files", "read_file", "read_lines"]
