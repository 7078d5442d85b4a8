"""Everyday sounds: make what `everyday-sounds` is made of, and measure how it names sounds.

    python benchmarks/everyday_sounds.py --network aisfx-0.1.2-py2.py3-none-any.whl
    python benchmarks/everyday_sounds.py --esc ESC10 [--write] [--others FOLDER] [--digits FSDD]

--network writes models/audio/sound_network.npz anew from the wheel of aiSFX (pip download --no-deps
aisfx==0.1.2; needs torch). --esc holds a folder for each class of ESC-10, with the fold as the
first character of each name: the probe is fitted to four folds and asked about the fifth, five
times; --write fits it to all and writes models/audio/sound_probe.npz. --others holds sounds of
other kinds, --digits FSDD's recordings: none of them should be named. --cache keeps features
between runs. Needs scikit-learn. About five minutes of processor time for ESC-10.
"""

from __future__ import annotations

import argparse
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
import sememe
from sememe.encoders.audio.everyday_sounds import EverydaySounds, SoundNameEncoder
from sememe.models.audio import sound_kinds, sound_network
from sememe.models.audio.synthetic_sounds import make_sound

KINDS = "dog rain sea baby clock sneeze helicopter chainsaw rooster fire".split()
UNKNOWN = len(KINDS)
SYNTHETIC = 200
PENALTY = 100.0  # 1 / C
# Real sounds of other kinds are nearer to the known ones than synthetic ones are: scores are
# softened by the one and that of "unknown" raised by the other, which were fitted to --others.
SOFTENED, RAISED = 0.7, 3.6
QUERIES = {  # two a kind and language, of which the second is in no list of names
    "dog": ("dog barking", "puppy", "개 짖는 소리", "멍멍"),
    "rain": ("rain", "downpour", "빗소리", "소나기"),
    "sea": ("sea waves", "surf on a beach", "파도 소리", "해변"),
    "baby": ("baby crying", "infant", "아기 울음", "갓난아이"),
    "clock": ("clock ticking", "tick tock", "시계 소리", "초침"),
    "sneeze": ("sneezing", "achoo", "재채기", "콧물 감기"),
    "helicopter": ("helicopter", "chopper flying", "헬리콥터", "프로펠러 소리"),
    "chainsaw": ("chainsaw", "cutting down trees", "전기톱", "벌목"),
    "rooster": ("rooster", "cock-a-doodle-doo", "수탉", "꼬끼오"),
    "fire": ("fire crackling", "campfire", "모닥불", "장작불"),
}
UNHEARD = (
    "siren", "doorbell", "church bell", "thunder", "cat meowing", "applause", "piano", "train",
    "사이렌", "초인종", "천둥", "고양이 울음소리", "박수 소리", "피아노", "기차", "발소리",
)  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--network", type=Path)
    options.add_argument("--esc", type=Path)
    options.add_argument("--others", type=Path)
    options.add_argument("--digits", type=Path)
    options.add_argument("--cache", type=Path)
    options.add_argument("--write", action="store_true")
    told = options.parse_args()
    if told.network:
        write_network(told.network)
    if told.esc:
        measure_probe(told)


def write_network(wheel: Path) -> None:
    """Fold the batch norms of aiSFX into its convolutions, round to 8 bits, write the file."""
    import torch

    with zipfile.ZipFile(wheel) as archive:
        data = io.BytesIO(archive.read("aisfx/models/checkpoint.pth"))
    scalar = (np._core.multiarray.scalar, "numpy.core.multiarray.scalar")
    with torch.serialization.safe_globals([scalar, np.dtype, type(np.dtype("int64"))]):
        tensors, _ = torch.load(data, map_location="cpu", weights_only=True)
    arrays: dict[str, np.ndarray] = {}
    for i in range(8):
        part = f"embedding_net.conv_block{i // 2 + 1}."
        conv, norm = f"{part}conv{i % 2 + 1}", f"{part}bn{i % 2 + 1}"
        told = {k: v.double().numpy() for k, v in tensors.items() if k.startswith((conv, norm))}
        gain = told[f"{norm}.weight"] / np.sqrt(told[f"{norm}.running_var"] + 1e-5)
        weight = told[f"{conv}.weight"] * gain[:, None, None, None]
        scale = np.maximum(np.abs(weight).max(axis=(1, 2, 3)) / 127, 1e-12)
        rounded = np.round(weight / scale[:, None, None, None])
        arrays[f"weight{i}"] = rounded.astype(np.int8)
        arrays[f"scale{i}"] = scale.astype(np.float32)
        bias = told[f"{norm}.bias"] - told[f"{norm}.running_mean"] * gain
        arrays[f"bias{i}"] = bias.astype(np.float32)
    np.savez_compressed(sound_network.NETWORK_FILE, **arrays)
    print(f"wrote {sound_network.NETWORK_FILE}")


def measure_probe(told: argparse.Namespace) -> None:
    """Measure the probe fold by fold; write it if told to."""
    clips = sorted(told.esc.glob("*/*.ogg"))
    kinds = np.array([find_kind(path.parent.name) for path in clips])
    folds = np.array([int(path.name[0]) for path in clips])
    made = [(make_sound(i)[: 22_050 * 5], 22_050) for i in range(SYNTHETIC)]
    folders = {"others": told.others, "digits": told.digits}
    others = {k: sorted(p for p in f.rglob("*") if p.is_file()) for k, f in folders.items() if f}
    rows = {"esc": read_features("esc", clips, told.cache)}
    rows["made"] = read_features("made", made, told.cache)
    rows |= {name: read_features(name, paths, told.cache) for name, paths in others.items()}

    held = np.arange(SYNTHETIC) % 5 + 1
    got = np.zeros((len(clips), UNKNOWN + 1))
    away = {name: np.zeros((len(r), UNKNOWN + 1)) for name, r in rows.items() if name != "esc"}
    for fold in range(1, 6):
        probe = fit_probe(
            rows["esc"][folds != fold], kinds[folds != fold], rows["made"][held != fold]
        )
        got[folds == fold] = probe(rows["esc"][folds == fold])
        for name in away:
            part = held == fold if name == "made" else np.arange(len(rows[name])) % 5 + 1 == fold
            away[name][part] = probe(rows[name][part])
    print_naming(got, kinds, away)
    print_search(got, kinds, folds, away)
    if told.write:
        probe = fit_probe(rows["esc"], kinds, rows["made"])
        sound_kinds.PROBE_FILE.write_bytes(probe.to_bytes())
        print(f"wrote {sound_kinds.PROBE_FILE}")


def find_kind(folder: str) -> int:
    """Return the index of the kind that a folder of ESC-10 holds."""
    return next(i for i, kind in enumerate(KINDS) if kind in folder.lower())


def read_features(name: str, items: list, cache: Path | None) -> np.ndarray:
    """Return (n, 512) features, from the cache if it has them; those that fail are left out."""
    path = cache and cache / f"{name}.npy"
    if path and path.exists():
        return np.load(path)
    rows, failed = EverydaySounds(threads=2)._measure(items, show=True)
    rows = np.delete(rows, list(failed), axis=0)
    if path:
        np.save(path, rows)
    return rows


def fit_probe(rows: np.ndarray, kinds: np.ndarray, made: np.ndarray) -> sound_kinds.SoundProbe:
    """Fit a layer to the kinds and to what is made, and scale its scores to be calibrated."""
    x = sound_kinds.compress(np.concatenate([rows, made]))
    labels = np.concatenate([kinds, np.full(len(made), UNKNOWN)])
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 0.05
    x = (x - mean) / deviation
    out = np.zeros((len(x), UNKNOWN + 1))
    part = np.arange(len(x)) * 7919 % len(x) % 5
    for i in range(5):
        weight, bias = fit_layer(x[part != i], labels[part != i])
        out[part == i] = x[part == i] @ weight.T + bias
    sharpness = np.linspace(0.5, 6, 111)
    losses = [measure_loss(out * s, labels) for s in sharpness]
    scale = SOFTENED * sharpness[int(np.argmin(losses))]
    weight, bias = fit_layer(x, labels)
    raised = RAISED * (np.arange(UNKNOWN + 1) == UNKNOWN)
    return sound_kinds.SoundProbe(mean, deviation, weight * scale, bias * scale + raised)


def fit_layer(x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / PENALTY, max_iter=300).fit(x, labels)
    return model.coef_, model.intercept_


def measure_loss(scores: np.ndarray, labels: np.ndarray) -> float:
    shifted = scores - scores.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-logs[np.arange(len(labels)), labels].mean())


def print_naming(got: np.ndarray, kinds: np.ndarray, away: dict[str, np.ndarray]) -> None:
    best, right = got[:, :UNKNOWN].max(axis=1), got[:, :UNKNOWN].argmax(axis=1) == kinds
    print(f"ESC-10, five folds: best of ten kinds right {right.mean():.3f}")
    for i, kind in enumerate(KINDS):
        of_kind = kinds == i
        named = (right & (best >= 0.5))[of_kind].mean()
        print(f"  {kind}: named rightly {named:.3f}", end="")
    print()
    for least in (0.5, 0.6, 0.7, 0.8, 0.9):
        named = best >= least
        line = f"named at {least}: {named.mean():.3f}, right of those {right[named].mean():.3f}"
        for name, rows in away.items():
            line += f"; {name} named {(rows[:, :UNKNOWN].max(axis=1) >= least).mean():.3f}"
        print(line)


def print_search(
    got: np.ndarray, kinds: np.ndarray, folds: np.ndarray, away: dict[str, np.ndarray]
) -> None:
    """Ask for each fold's clips by word, among as many others as there are."""
    names = SoundNameEncoder(EverydaySounds(), sememe.load(), name="measured")
    texts = names.text_encoder
    others = np.concatenate(list(away.values()))
    found: dict[str, list[bool]] = {"en": [], "en new": [], "ko": [], "ko new": []}
    shown = []
    for fold in range(1, 6):
        rows = np.concatenate([got[folds == fold], others])
        own = np.concatenate([kinds[folds == fold], np.full(len(others), -1)])
        vectors = names.combine(rows.astype(np.float32))
        known = np.flatnonzero(~np.isnan(vectors[:, 0]))
        for i, kind in enumerate(KINDS):
            for part, query in zip(found, QUERIES[kind], strict=True):
                scores = vectors[known] @ texts.encode_query([query])[0]
                first = own[known[np.argsort(-scores, kind="stable")[:3]]]
                found[part].append(bool((first == i).any()))
        for query in UNHEARD:
            vector = texts.encode_query([query])[0]
            mean, deviation = names.estimate_background(vector)
            shown.append(((vectors[known] @ vector).max() - mean) / deviation)
    for part, hits in found.items():
        print(f"a right sound in the first three, {part}: {np.mean(hits):.3f} of {len(hits)}")
    print(f"best sound for words of unknown kinds, deviations above: {np.round(shown, 1)}")


if __name__ == "__main__":
    main()
