"""Detect the encoding of text; Korean legacy text is recognized even when it is short.

In this order: a byte order mark; UTF-16 without one; UTF-8; the encoding the document declares;
UTF-8 with a few broken bytes; CP949 (EUC-KR and its extension); the guess of charset-normalizer.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

# Declared name -> the superset actually used under that name (WHATWG Encoding Standard).
SUPERSETS = {
    "euc_kr": "cp949",
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "iso8859-9": "cp1254",
}
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # starts with that of UTF-16-LE, so must come before it
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Candidates once UTF-8 and common Korean are ruled out; ties go to the first.
LEGACY = ["cp932", "gb18030", "big5", "euc_jp", "cp1252", "cp1250", "cp1251", "koi8_r", "cp949"]
UNCOMMON_KOREAN = 0.1  # penalty of CP949, which decodes nearly everything
SAMPLE_BYTES = 1 << 16
# Syllables that make up most of any Korean text: other scripts read as CP949 rarely hit them.
COMMON_SYLLABLES = frozenset(
    "가각간감강같개거건것게겠결경계고공과관광교구국군권그글금급기김까께나난날남내너네년녕노높누는늘니"
    "다단달당대더데도동된될되됩두드든들등디때또라람랑래러럼레려력로록료루류르른를름리린마만많말맞매면"
    "명모목못무문물미민및바박반받발밖방배백버번법별보복본볼부북분불비빠사산살상새색생서석선설성세소속손"
    "수순술쉽스습승시식신실심써아악안않알았앞야약양어언얼업없었에여역연열영예오온올와완외요용우운울원위"
    "유육은을음의이인일입있자작장재저적전점정제조족종좋주중즈증지직진집짜차참창책처천철청체초최추축출치"
    "카크키타터테토통트특파판페편평포표품프피하학한할함합항해했행향현형호혼화확환활회후히힘"
)
CONTROLS = bytes({*range(1, 32), 127} - {8, 9, 10, 12, 13, 27})  # never in text; NUL not counted
MAX_CONTROLS = 0.05
MAX_NULS = 0.25
MAX_REPLACED = 0.1


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text without a byte order mark, its codec, and the number of replaced characters (U+FFFD)."""

    text: str
    encoding: str
    replaced: int = 0


def decode(data: bytes, declared: str | None = None) -> Decoded:
    """Decode text of unknown encoding, counting replaced characters.

    declared: The encoding that the document declares, for example in its HTML header.

    >>> decode("자동차".encode("cp949"))
    Decoded(text='자동차', encoding='cp949', replaced=0)
    """
    encoding = guess_encoding(data, declared)
    try:
        return Decoded(data.decode(encoding), encoding)
    except UnicodeDecodeError:
        text = data.decode(encoding, "replace")
        genuine = data.count(b"\xef\xbf\xbd") if encoding.startswith("utf-8") else 0
        return Decoded(text, encoding, text.count("\ufffd") - genuine)


def guess_encoding(data: bytes, declared: str | None = None) -> str:
    """Return the codec that `decode` uses for these bytes."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return encoding
    if b"\0" in data and (wide := _guess_utf16(data[:SAMPLE_BYTES])):
        return wide
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError as error:
        start = max(0, error.start - SAMPLE_BYTES // 2)
    if declared and (codec := _resolve_codec(declared, data)):
        return codec
    return _guess_legacy(data[start : start + SAMPLE_BYTES])


def _guess_legacy(sample: bytes) -> str:
    """Return the codec of bytes that are not valid UTF-8; damaged UTF-8 is still "utf-8"."""
    text = sample.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    if sum(char > "\x7f" for char in text) > 3 * broken:  # valid characters far outnumber bad bytes
        return "utf-8"
    if _is_korean(sample):
        return "cp949"
    if _is_western(sample):
        return "cp1252"
    from charset_normalizer import from_bytes

    def doubt(encoding: str) -> tuple[float, int]:
        extra = UNCOMMON_KOREAN if encoding == "cp949" else 0.0
        return chaos[encoding] + extra, LEGACY.index(encoding)

    chaos = {match.encoding: match.chaos for match in from_bytes(sample, cp_isolation=LEGACY)}
    return min(chaos.keys() & LEGACY, key=doubt, default="cp1252")


def looks_binary(sample: bytes) -> bool:
    """Return whether the start of a file is not text in any encoding."""
    if not sample or sample.startswith(tuple(mark for mark, _ in BYTE_ORDER_MARKS)):
        return False
    nuls = sample.count(0)
    if nuls and _guess_utf16(sample):
        return False
    controls = len(sample) - len(sample.translate(None, CONTROLS))
    return nuls > MAX_NULS * len(sample) or controls > MAX_CONTROLS * len(sample)


def _resolve_codec(declared: str, data: bytes) -> str | None:
    """Return the codec of a declared name, or None if it cannot decode the data."""
    try:
        name = codecs.lookup(declared.strip()).name
        name = SUPERSETS.get(name, name)
        data.decode(name)
    except (LookupError, ValueError):  # "hex" and the like are not text encodings
        return None
    return name


def _guess_utf16(sample: bytes) -> str | None:
    """Detect the byte order in which spaces, digits and line ends are ASCII."""
    valid = codecs.getincrementaldecoder("utf-8")("ignore").decode(sample)
    stays = len(valid.encode()) > len(sample) - 4  # at most cut at the end
    if len(sample) % 2 or (stays and sample.count(0) < MAX_NULS * len(sample)):
        return None
    best = (0.0, "")
    for encoding in ("utf-16-le", "utf-16-be"):
        try:
            text = sample.decode(encoding)
        except UnicodeDecodeError as error:
            if error.start < len(sample) - 4:  # else the sample was cut inside a surrogate pair
                continue
            text = sample[: error.start].decode(encoding)
        plausible = sum(char.isprintable() or char in "\t\n\r\f" for char in text)
        if not text or plausible < 0.98 * len(text):
            continue
        best = max(best, (sum(char < "\x7f" for char in text) / len(text), encoding))
    return best[1] if best[0] > 0.02 else None


def _is_korean(sample: bytes) -> bool:
    """Return whether this is CP949: nearly all double bytes are Hangul, many of them frequent."""
    try:
        text = sample.decode("cp949")
    except UnicodeDecodeError as error:
        if len(sample) - error.start > 1 and error.start < 0.99 * len(sample):
            text = sample.decode("cp949", "replace")
            if text.count("\ufffd") >= 0.02 * len(text):  # more than a few bad bytes
                return False
        else:  # cut inside the last character
            text = sample[: error.start].decode("cp949")
    foreign = [char for char in text if char > "\xff" and char != "\ufffd"]
    hangul = [char for char in foreign if "가" <= char <= "힣"]
    common = sum(char in COMMON_SYLLABLES for char in hangul)
    return len(hangul) >= 0.6 * len(foreign) and common >= max(1, 0.4 * len(hangul))


def _is_western(sample: bytes) -> bool:
    """Return whether this is accented Latin text: single high bytes, letters among ASCII."""
    runs = re.findall(rb"[\x80-\xff]+", sample)
    if sum(len(run) == 1 for run in runs) < 0.8 * len(runs):
        return False
    accents = [char for char in b"".join(runs).decode("cp1252", "replace") if char != "\ufffd"]
    letters = sum(char.isalpha() or char in "–—‘’“”…€«»·°§´¿¡" for char in accents)
    return letters >= 0.7 * len(accents) > 0
