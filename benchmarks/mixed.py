"""Texts, photos and audio in one index: photos by name, items by example, versions of photos.

    python benchmarks/mixed.py --photos FOLDER --texts FILE [--sounds FOLDER] [-m ENCODER]

FOLDER holds one photo of each ImageNet class, named n01440764_tench.JPEG; FILE has a paragraph a
line, of which 490 are taken. Photos are indexed without their names: 60 that are asked for in
Korean and English, and 350 others. With FOLDER of audio, 100 files are indexed, too.
"""

from __future__ import annotations

import argparse
import io
import random
import tempfile
from pathlib import Path

from images import KOREAN

KINDS = ("half", "quality 30", "turned 3")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--photos", type=Path, required=True)
    options.add_argument("--texts", type=Path, required=True)
    options.add_argument("--sounds", type=Path)
    options.add_argument("-m", "--model", action="append")
    told = options.parse_args()
    photos = sorted(told.photos.glob("n*_*.JPEG"))
    lines = [line for line in told.texts.read_text(encoding="utf-8").splitlines() if line.strip()]
    files = sorted(told.sounds.rglob("*.*")) if told.sounds else []
    sounds = [file for file in files if file.suffix in (".wav", ".flac", ".ogg", ".mp3")]
    with tempfile.TemporaryDirectory() as folder:
        mixed(Path(folder), photos, lines, sounds, told.model)
    versions(photos)


def mixed(folder: Path, photos: list[Path], lines: list[str], sounds: list[Path], model) -> None:
    import sememe

    rng = random.Random(7)
    place = {photo.stem.partition("_")[2].replace("_", " ").lower(): photo for photo in photos}
    asked = {names: place[names[0].lower()] for names in KOREAN.items()}
    others = [photo for photo in photos if photo not in set(asked.values())]
    chosen = [*asked.values(), *rng.sample(others, min(350, len(others)))]
    names = {photo: f"picture {i}" for i, photo in enumerate(chosen)}
    texts = rng.sample(lines, min(490, len(lines)))
    clips = rng.sample(sounds, min(100, len(sounds)))
    index = sememe.Index.create(folder / "index", model)
    index.add((f"text {i}", text) for i, text in enumerate(texts))
    index.add({"id": name, "image": photo} for photo, name in names.items())
    index.add({"id": f"recording {i}", "audio": clip} for i, clip in enumerate(clips))
    print(f"{len(texts)} texts, {len(chosen)} photos, {len(clips)} recordings")
    for at, language in enumerate(("English", "Korean")):
        first = ten = three = 0
        for pair, photo in asked.items():
            hits = index.search(pair[at], k=10)
            group = [hit.id for hit in hits.by_modality().get("image", ())[:3]]
            first += hits.ids[:1] == [names[photo]]
            ten += names[photo] in hits.ids
            three += names[photo] in group
        n = len(asked)
        print(f"60 {language} names: photo first {first / n:.3f}, in ten {ten / n:.3f}, among the "
              f"first three images {three / n:.3f}")  # fmt: skip
    some = rng.sample(chosen, min(100, len(chosen)))
    found = sum(index.search_image(photo, k=10).ids[0] == names[photo] for photo in some)
    print(f"the identical picture first: {found} of {len(some)}")
    found = sum(
        index.search_sound(clip, k=10).ids[0] == f"recording {i}" for i, clip in enumerate(clips)
    )
    print(f"the identical recording first: {found} of {len(clips)}")


def versions(photos: list[Path]) -> None:
    """Compare all photos and three versions of 300 of them, each with each."""
    from PIL import Image

    from sememe.encoders.load.by_name import load
    from sememe.index.near_duplicates import rank_similar_pairs

    some = random.Random(5).sample(range(len(photos)), min(300, len(photos)))
    things, names = [*photos], [(i, "") for i in range(len(photos))]
    for i in some:
        image = Image.open(photos[i]).convert("RGB")
        made = (
            compress(image.resize((image.width // 2, image.height // 2)), 85),
            compress(image, 30),
            compress(image.rotate(3, Image.Resampling.BICUBIC), 85),
        )
        things += made
        names += [(i, kind) for kind in KINDS]
    encoder = load("image-structure")
    labels = [str(at) for at in range(len(names))]
    limits = {"max_pairs": 10 * len(names), "threshold": None}
    pairs = rank_similar_pairs(labels, encoder.encode(things), encoder.name, **limits)
    found = {tuple(sorted((names[int(a)], names[int(b)]))) for a, b, _ in pairs}
    wrong = sum(one[0] != other[0] for one, other in found)
    rates = {kind: sum(((i, ""), (i, kind)) in found for i in some) / len(some) for kind in KINDS}
    print(f"{len(things)} pictures, {len(found)} pairs, {wrong} of different photos")
    print("versions found: " + ", ".join(f"{kind} {rate:.3f}" for kind, rate in rates.items()))


def compress(image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


if __name__ == "__main__":
    main()
