"""A small encoder in 4-bit blocks, written by the description of the format alone."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

SIZES = (32, 2, 4, 64, 40, 16, 2)  # dim, layers, heads, inner, vocabulary, max_tokens, types
PIECES = [
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    "▁",
    "▁cat",
    "▁dog",
    "cat",
    "s",
    "a",
    ":",
    "▁query",
    "강",
]
SCORES = [0, 0, 0, 0, -4, -3, -3.5, -5, -2, -6, -2, -3, -7]
NORMALIZATION = {0x09: " ", 0x01: "", 0xFB01: "fi", 0x2581: " "}


def tensors(seed: int = 0) -> dict[str, np.ndarray]:
    """Random matrices [outputs, inputs] of weights that blocks hold exactly, and float vectors."""
    dim, layers, _, inner, vocabulary, most, types = SIZES
    rng = np.random.default_rng(seed)

    def blocks(rows, columns):
        scales = rng.uniform(0.01, 0.04, (rows, columns // 32, 1)).astype(np.float16)
        bits = rng.integers(-8, 8, (rows, columns // 32, 32))
        return (bits * scales.astype(np.float32)).reshape(rows, columns), bits, scales

    def vector(n, base=0.0):
        return (base + rng.normal(0, 0.1, n)).astype(np.float32)

    made = {
        "emb.word": blocks(vocabulary, dim),
        "emb.pos": rng.normal(0, 0.1, (most, dim)).astype(np.float32),
        "emb.type": rng.normal(0, 0.1, (types, dim)).astype(np.float32),
        "emb.ln.w": vector(dim, 1),
        "emb.ln.b": vector(dim),
    }
    for i in range(layers):
        for name, rows, columns in (
            ("q", dim, dim), ("k", dim, dim), ("v", dim, dim), ("ao", dim, dim),
            ("fi", inner, dim), ("fo", dim, inner),
        ):  # fmt: skip
            made[f"l{i}.{name}.w"] = blocks(rows, columns)
            made[f"l{i}.{name}.b"] = vector(rows)
        for name in ("aln", "oln"):
            made[f"l{i}.{name}.w"], made[f"l{i}.{name}.b"] = vector(dim, 1), vector(dim)
    return made


def pack(bits: np.ndarray, scales: np.ndarray) -> bytes:
    """Bits (..., 32) from -8 to 7 and scales (..., 1) as blocks."""
    nibbles = (bits + 8).astype(np.uint8)
    halves = nibbles[..., :16] | nibbles[..., 16:] << 4
    return np.concatenate(
        [scales.view(np.uint8).reshape(*halves.shape[:-1], 2), halves], -1
    ).tobytes()


def write(path: Path, seed: int = 0, **head: int) -> dict[str, np.ndarray]:
    """Write a file; return its arrays by name. head: Other values of "version" or "block"."""
    names = [piece.encode() for piece in PIECES]
    offsets = np.cumsum([0, *map(len, names)])
    out = [b"E5S1", struct.pack("<I", head.get("version", 1)), struct.pack("<7i", *SIZES)]
    out += [struct.pack("<fi", 1e-12, head.get("block", 32))]
    out += [struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, offsets[-1])]
    out += [offsets.astype("<u4").tobytes(), np.array(SCORES, "<f4").tobytes(), *names]
    entries = [
        struct.pack(f"<IB{len(text)}I", point, len(text), *map(ord, text))
        for point, text in sorted(NORMALIZATION.items())
    ]
    out += [struct.pack("<iI", len(entries), sum(map(len, entries))), *entries]
    start = sum(map(len, out))
    made = tensors(seed)
    start += 4 + sum(2 + len(name) + 21 for name in made)
    directory, data, arrays = [struct.pack("<i", len(made))], [], {}
    for name, value in made.items():
        packed = isinstance(value, tuple)
        arrays[name] = value[0] if packed else value
        body = pack(value[1], value[2]) if packed else value.astype("<f4").tobytes()
        entry = struct.pack("<BIQQ", packed, arrays[name].size, start, len(body))
        directory.append(struct.pack("<H", len(name)) + name.encode() + entry)
        data.append(body)
        start += len(body)
    path.write_bytes(b"".join([*out, *directory, *data]))
    return arrays
