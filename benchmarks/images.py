"""Photos: EfficientNet-Lite0 without torch beside the same weights in timm, and ConSE on them.

    python benchmarks/images.py --data FOLDER [--repeats 3] [--threads 2]

FOLDER holds one photo of each ImageNet class, named n01440764_tench.JPEG. Both systems read JPEG
files from disk and give features; they take turns, and the best of each is told. Needs timm and the
extras `images` and `train`.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

KOREAN = {
    "goldfish": "금붕어", "great white shark": "백상아리", "ostrich": "타조",
    "bald eagle": "흰머리수리", "bullfrog": "황소개구리", "African chameleon": "카멜레온",
    "American alligator": "악어", "scorpion": "전갈", "tarantula": "타란툴라", "peacock": "공작",
    "macaw": "마코앵무", "hummingbird": "벌새", "goose": "거위", "koala": "코알라",
    "jellyfish": "해파리", "snail": "달팽이", "flamingo": "홍학", "king penguin": "펭귄",
    "golden retriever": "골든 리트리버", "Siberian husky": "시베리안 허스키", "pug": "퍼그",
    "Chihuahua": "치와와", "red fox": "붉은여우", "Persian cat": "페르시안 고양이", "lion": "사자",
    "tiger": "호랑이", "brown bear": "불곰", "ladybug": "무당벌레", "bee": "꿀벌",
    "starfish": "불가사리", "hamster": "햄스터", "zebra": "얼룩말", "hippopotamus": "하마",
    "Arabian camel": "낙타", "gorilla": "고릴라", "giant panda": "판다", "accordion": "아코디언",
    "acoustic guitar": "통기타", "airliner": "여객기", "ambulance": "구급차",
    "analog clock": "아날로그 시계", "backpack": "배낭", "candle": "양초", "castle": "성",
    "cello": "첼로", "church": "교회", "computer keyboard": "컴퓨터 키보드",
    "fire engine": "소방차",
    "fountain": "분수", "grand piano": "그랜드 피아노", "microwave": "전자레인지",
    "mosque": "이슬람 사원", "motor scooter": "스쿠터", "umbrella": "우산", "violin": "바이올린",
    "pizza": "피자", "strawberry": "딸기", "banana": "바나나", "volcano": "화산",
    "teapot": "찻주전자",
}  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--skip-timm", action="store_true")
    told = options.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(told.threads)
    photos = sorted(told.data.glob("n*_*.JPEG"))
    quality(photos, told.threads)
    if not told.skip_timm:
        beside_timm(photos, told.threads, told.repeats)


def quality(photos: list[Path], threads: int) -> None:
    import numpy as np

    import sememe

    names = [photo.stem.partition("_")[2].replace("_", " ") for photo in photos]
    images = sememe.load("efficientnet-lite0", threads=threads)
    probabilities = images.probabilities(photos)
    right = probabilities.argmax(axis=1) == np.arange(len(photos))
    print(f"own class named first: {right.mean():.3f} of {len(photos)}")
    texts = sememe.load(threads=threads)
    vectors = sememe.load("efficientnet-lite0:conse", threads=threads).encode(photos)

    def ranks(queries: list[str], places: list[int]):
        scores = texts.encode(queries) @ vectors.T
        own = scores[np.arange(len(places)), places]
        return (scores >= own[:, None]).sum(axis=1)

    english = ranks(names, list(range(len(names))))
    print(
        f"ConSE, {len(names)} English names: recall@1 {(english <= 1).mean():.3f}, @10 "
        f"{(english <= 10).mean():.3f}"
    )
    place = {name.lower(): i for i, name in enumerate(names)}
    korean = ranks(list(KOREAN.values()), [place[name.lower()] for name in KOREAN])
    missed = [k for k, rank in zip(KOREAN.values(), korean, strict=True) if rank > 10]
    print(
        f"ConSE, {len(KOREAN)} Korean names: recall@1 {(korean <= 1).mean():.3f}, @10 "
        f"{(korean <= 10).mean():.3f}; not found: {', '.join(missed)}"
    )


def beside_timm(photos: list[Path], threads: int, repeats: int) -> None:
    import numpy as np
    import torch
    from PIL import Image

    import sememe

    torch.set_num_threads(threads)
    model, transform = timm_model()
    batches = [photos[i : i + 64] for i in range(0, len(photos), 64)]
    images = sememe.load("efficientnet-lite0", threads=threads)

    @torch.inference_mode()
    def by_timm(some: list[Path]):
        pixels = torch.stack([transform(Image.open(photo).convert("RGB")) for photo in some])
        return model.forward_head(model.forward_features(pixels), pre_logits=True)

    first = photos[:: max(1, len(photos) // 200)][:200]
    theirs = by_timm(first)
    with torch.inference_mode():
        named = model.classifier(theirs).argmax(dim=1).numpy()
    theirs = torch.nn.functional.normalize(theirs, dim=1).numpy()
    ours = images.encode(first)
    same = (images.probabilities(first).argmax(axis=1) == named).mean()
    cosines = (ours * theirs).sum(axis=1)
    print(f"{len(first)} photos: lowest cosine {cosines.min():.6f}, same class {same:.3f}")
    best = {"sememe": np.inf, "timm": np.inf}
    for _ in range(repeats):
        started = time.perf_counter()
        images.encode(photos)
        best["sememe"] = min(best["sememe"], time.perf_counter() - started)
        started = time.perf_counter()
        for batch in batches:
            by_timm(batch)
        best["timm"] = min(best["timm"], time.perf_counter() - started)
    rates = {name: len(photos) / seconds for name, seconds in best.items()}
    print(
        f"images/s from JPEG, {threads} threads: sememe {rates['sememe']:.0f}, timm "
        f"{rates['timm']:.0f}: {rates['sememe'] / rates['timm']:.2f} x"
    )


def timm_model():
    """Return timm's network with the same weights, and its transform with the published numbers."""
    import timm
    import torch
    from timm.data import create_transform

    from sememe.models.image.efficientnet import PREPROCESS
    from sememe.models.weights.catalog import model_info
    from sememe.models.weights.torch_pickle import parse_torch_file

    model = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    ours = parse_torch_file(model_info("efficientnet-lite0").read("image"), where="lite0")
    theirs = model.state_dict()
    pairs = [name for name in theirs if "num_batches" not in name]
    values = [ours[name] for name in ours if "num_batches" not in name]
    state = dict(theirs)
    for name, value in zip(pairs, values, strict=True):  # both in the order of computing
        state[name] = torch.tensor(value)
    model.load_state_dict(state)
    transform = create_transform(
        (3, 224, 224), interpolation="bicubic", crop_pct=0.875, mean=PREPROCESS.mean,
        std=PREPROCESS.std,
    )  # fmt: skip
    return model, transform


if __name__ == "__main__":
    main()
