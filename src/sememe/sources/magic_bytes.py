"""Name the format of a binary file from its first bytes, for error messages."""

from __future__ import annotations

SIGNATURES = (
    (b"%PDF-", "a PDF document; name it .pdf to have it read"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"PAR1", "a Parquet table; name it .parquet to have it read"),
    (b"\x1f\x8b\x08", "gzip data; name it .gz to have it read"),
    (b"\xfd7zXZ\x00", "xz data; name it .xz to have it read"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old office or HWP document"),
    (b"OggS\x00", "Ogg audio"),
    (b"fLaC\x00", "FLAC audio"),
    (b"ID3", "MP3 audio"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "an SQLite database"),
)


def describe_format(head: bytes) -> str | None:
    """Return the format that starts with these bytes, or None if it is unknown.

    >>> describe_format(b"GIF89a...")
    'a GIF image'
    """
    if head[:4] == b"RIFF" and head[8:12] in (b"WAVE", b"WEBP", b"AVI "):
        return {b"WAVE": "WAV audio", b"WEBP": "a WebP image"}.get(head[8:12], "a video")
    return next((name for mark, name in SIGNATURES if head.startswith(mark)), None)


def describe_unreadable(head: bytes, kind: str, expected: str) -> str:
    """Return why a decoder of `kind` refuses a file: it is damaged, or of another format.

    >>> describe_unreadable(b"GIF89a...", "image", "an image")
    'cut off or damaged (by its first bytes a GIF image)'
    >>> describe_unreadable(b"%PDF-1.4", "image", "an image")
    'not an image: by its first bytes a PDF document; name it .pdf to have it read'
    """
    known = describe_format(head)
    if known and kind in known:
        return f"cut off or damaged (by its first bytes {known})"
    return f"not {expected}{f': by its first bytes {known}' if known else ''}"
