"""Detect the format of a file from its suffix."""

from __future__ import annotations

from pathlib import PurePath

from sememe.sources.open_file import PACKED

# Format -> module with the function `read`, and suffixes. Files with unknown suffixes are read
# as text if they hold text: .txt, .rst, .log, source code, ...
READERS = {
    "audio": (
        "media.read",
        ".wav .wave .mp3 .flac .ogg .oga .opus .aiff .aif .aifc .au .caf .w64 .rf64",
    ),
    "csv": ("tables.csv_table", ".csv .tsv"),
    "docx": ("documents.docx", ".docx"),
    "html": ("documents.html", ".html .htm .xhtml"),
    "image": (
        "media.read",
        ".png .jpg .jpeg .jpe .jfif .gif .webp .bmp .tif .tiff .avif .ppm .pgm .mpo",
    ),
    "jsonl": ("tables.jsonl", ".jsonl .ndjson"),
    "markdown": ("documents.markdown", ".md .markdown"),
    "parquet": ("tables.parquet", ".parquet .pq"),
    "pdf": ("documents.pdf", ".pdf"),
    "text": ("documents.text", ""),
}
UNREAD = {
    "no reader for this kind of image; save it as .jpg or .png": (
        ".heic .heif .svg .ico .psd .raw .cr2 .nef .arw .dng"
    ),
    "no reader for this kind of audio; save it as .flac or .mp3": ".m4a .aac .wma .mid .amr .ape",
    "no encoder yet: video": ".mp4 .mkv .avi .mov .webm .wmv .flv .m4v .mpg .mpeg",
    "no reader for archives; unpack it first": (
        ".zip .tar .tgz .txz .tbz2 .7z .rar .bz2 .zst .lz4 .jar .whl .iso .dmg .egg .alz"
    ),
    "no reader for this kind of document; save it as .docx, .pdf or .txt": (
        ".doc .hwp .hwpx .rtf .odt .pages .ppt .pptx .odp .key .epub .mobi"
    ),
    "no reader for spreadsheets; save it as .csv": ".xls .xlsx .xlsm .ods .numbers",
    "no reader for weights and arrays": (
        ".onnx .safetensors .npy .npz .pt .pth .ckpt .gguf .h5 .pkl .tflite"
    ),
    "no reader for databases; export it as .csv or .jsonl": ".db .sqlite .sqlite3 .mdb .accdb",
}
FORMATS = {end: name for name, (_, ends) in READERS.items() for end in ends.split()}
REASONS = {end: reason for reason, ends in UNREAD.items() for end in ends.split()}


def kind_of_file(name: str) -> str:
    """Return a format as a noun phrase.

    >>> kind_of_file("image"), kind_of_file("csv")
    ('an image file', 'a csv file')
    """
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name} file"


def format_of(name: str) -> tuple[str, str | None]:
    """Return the format ("text" by default) and why it cannot be read, or None.

    >>> format_of("Data.JSONL.xz"), format_of("clip.mp4")
    (('jsonl', None), ('text', 'no encoder yet: video'))
    """
    path = PurePath(name.lower())
    if path.suffix in PACKED:
        path = PurePath(path.stem)
    return FORMATS.get(path.suffix, "text"), REASONS.get(path.suffix)
