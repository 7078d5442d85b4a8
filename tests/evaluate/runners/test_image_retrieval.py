"""Retrieval across pictures and texts, by hand and against a plain loop, with its control."""

from __future__ import annotations

import numpy as np
import pytest

import sememe
from sememe.evaluate.runners.image_retrieval import RECALLS, evaluate_image_retrieval, retrieve
from sememe.evaluate.tasks import run_task
from sememe.sources.datasets.image_text import read_image_texts
from tests.drawings import DRAWINGS


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_ranks_by_hand():
    """Text 0 has its image second, text 1 first; image 0's texts: own first; image 1's: second."""
    images = unit(np.array([[1.0, 0.0], [0.8, 0.6]]))
    texts = unit(np.array([[0.9, 0.42], [1.0, 1.4]]))
    pairs = np.array([[0, 0, 5], [1, 1, 9]])
    found = retrieve(images, texts, pairs).metrics
    assert found["text to image recall@1"] == 0.5
    assert found["image to text recall@1"] == 0.5
    assert found["text to image recall@5"] == found["image to text recall@10"] == 1.0
    assert "image to image recall@1" not in found


def naive(queries, answers, right, own=None):
    hits = {k: [] for k in RECALLS}
    for i, query in enumerate(queries):
        scores = [
            (-np.inf if own is not None and j == i else float(query @ answer), -j)
            for j, answer in enumerate(answers)
        ]
        order = sorted(range(len(answers)), key=lambda j: scores[j], reverse=True)
        for k in RECALLS:
            hits[k].append(any(right(i, j) for j in order[:k]))
    return {k: float(np.mean(v)) for k, v in hits.items()}


def test_the_same_as_a_plain_loop():
    """20 groups: two images each of the even ones, a text in each of two columns."""
    rng = np.random.default_rng(0)
    image_groups = [g for g in range(20) for _ in range(2 if g % 2 == 0 else 1)]
    text_groups = [g for g in range(20) for _ in range(2)]
    centres = rng.normal(size=(20, 6))
    images = unit(centres[image_groups] + rng.normal(size=(30, 6)))
    texts = unit(centres[text_groups] + rng.normal(size=(40, 6)))
    pairs = np.array(
        [[i, t, g] for i, g in enumerate(image_groups) for t, h in enumerate(text_groups) if g == h]
    )
    columns = ["en" if t % 2 == 0 else "ko" for t in pairs[:, 1]]
    found = retrieve(images, texts, pairs, columns).metrics
    of_text = naive(texts, images, lambda i, j: text_groups[i] == image_groups[j])
    of_image = naive(images, texts, lambda i, j: image_groups[i] == text_groups[j])
    korean = naive(texts[1::2], images, lambda i, j: text_groups[2 * i + 1] == image_groups[j])
    twins = [i for i, g in enumerate(image_groups) if g % 2 == 0]
    alike = naive(images, images, lambda i, j: image_groups[i] == image_groups[j], own=True)
    for k in RECALLS:
        assert found[f"text to image recall@{k}"] == pytest.approx(of_text[k])
        assert found[f"image to text recall@{k}"] == pytest.approx(of_image[k])
        assert found[f"ko to image recall@{k}"] == pytest.approx(korean[k])
    hits = retrieve(images, texts, pairs, columns).hits["image to image recall@1"]
    assert len(hits) == len(twins) == 20
    assert hits.mean() * 20 == pytest.approx(alike[1] * 30)


def test_what_is_dealt_to_others_is_at_chance():
    rng = np.random.default_rng(1)
    rows = unit(rng.normal(size=(400, 16)))
    pairs = np.stack([np.arange(400)] * 3, axis=1)
    found = retrieve(rows, unit(rows + 0.1 * rng.normal(size=rows.shape)), pairs)
    assert found.metrics["text to image recall@1"] > 0.95
    assert found.control["text to image recall@10"] < 0.06  # 10 of 400


def test_drawings_and_their_names_as_a_task(tmp_path, encoder):
    lines = ["image,text"]
    for i, (name, draw) in enumerate(DRAWINGS.items()):
        draw().save(tmp_path / f"{i}.png")
        lines.append(f"{i}.png,{name}")
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "t.csv").write_text("\n".join([*lines, "bad.png,x"]), encoding="utf-8")
    images = sememe.load("efficientnet-lite0:conse")
    found = run_task("image-retrieval", (images, encoder), tmp_path / "t.csv")
    assert found.metrics["text to image recall@1"] == 1.0
    assert found.control["text to image recall@1"] == 0.0
    assert found.covered == pytest.approx(5 / 6)
    data = read_image_texts(tmp_path / "t.csv")
    assert evaluate_image_retrieval((images, encoder), data).metrics == found.metrics
    with pytest.raises(sememe.SpaceMismatchError):
        run_task(
            "image-retrieval", (sememe.load("efficientnet-lite0"), encoder), tmp_path / "t.csv"
        )
    with pytest.raises(sememe.InvalidInputError, match="give \\(image encoder, text encoder\\)"):
        run_task("image-retrieval", encoder, tmp_path / "t.csv")


def test_zero_shot_as_a_task(tmp_path, encoder):
    for i, draw in enumerate(DRAWINGS.values()):
        (tmp_path / f"{i}").mkdir()
        draw().save(tmp_path / f"{i}" / "a.png")
        draw().rotate(5, expand=True, fillcolor=(200, 200, 200)).save(tmp_path / f"{i}" / "b.png")
    images = sememe.load("efficientnet-lite0:conse")
    korean = ["아날로그 시계", "낱말 퍼즐", "거미줄", "풍선", "우산"]
    judge = sememe.ZeroShot(images, encoder, korean)
    found = run_task("zero-shot", judge, tmp_path)
    assert found.n == 10
    assert found.metrics["accuracy"] >= 0.8
    assert found.control["accuracy"] <= 0.3
    wrong = sememe.ZeroShot(images, encoder, korean[1:] + korean[:1])
    assert run_task("zero-shot", wrong, tmp_path).metrics["accuracy"] <= 0.2
    with pytest.raises(sememe.InvalidInputError, match="got 4 labels for 5 classes"):
        run_task("zero-shot", sememe.ZeroShot(images, encoder, korean[:4]), tmp_path)
