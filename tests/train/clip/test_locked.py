"""A joint space of images and texts: the loss, what is learnt of pictures never seen, and use."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

import sememe
from sememe import ClipTraining, Index
from sememe.app.cli import main
from sememe.encoders.image.encoder import ImageEncoder
from sememe.models.clip.projection_folder import Projection, gelu, read_joint_folder
from sememe.train.base.device import Compute
from sememe.train.clip.loss import clip_loss
from sememe.train.clip.projections import (
    ProjectionObjective,
    Recipe,
    _Twins,
    make_loop,
)
from tests.contracts.encoder import encode_all

pytestmark = [
    pytest.mark.train,
    pytest.mark.usefixtures("default_encoders"),
]

COLOURS = {"red": ("빨간", (220, 30, 30)), "green": ("초록", (20, 150, 40)),
           "blue": ("파란", (30, 60, 220)), "yellow": ("노란", (240, 220, 30)),
           "black": ("검은", (15, 15, 15))}  # fmt: skip
GROUNDS = [(205, 205, 205), (250, 250, 250), (205, 205, 205)]
SHAPES = {"circle": "원", "square": "네모", "triangle": "세모", "cross": "십자", "ring": "고리"}


def drawing(colour, shape, variant):
    image = Image.new("RGB", (96, 96), GROUNDS[variant])
    draw, fill, d = ImageDraw.Draw(image), COLOURS[colour][1], (0, 8, 4)[variant]
    box = (14 + d, 14 + d, 82 - d, 82 - d)
    if shape == "circle":
        draw.ellipse(box, fill=fill)
    elif shape == "square":
        draw.rectangle(box, fill=fill)
    elif shape == "triangle":
        draw.polygon((48, 12 + d, 84 - d, 82 - d, 12 + d, 82 - d), fill=fill)
    elif shape == "cross":
        draw.rectangle((40, 10 + d, 56, 86 - d), fill=fill)
        draw.rectangle((10 + d, 40, 86 - d, 56), fill=fill)
    else:
        draw.ellipse(box, outline=fill, width=12)
    return image


def table(folder, *, variants=(0, 1), seed=None):
    """Write 25 drawings in some variants, with names in two languages; seed shuffles them."""
    folder.mkdir(exist_ok=True)
    rows = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    names = list(rows)
    if seed is not None:
        np.random.default_rng(seed).shuffle(names)
    lines = []
    for i, ((colour, shape), (c, s)) in enumerate(zip(rows, names, strict=True)):
        files = [f"{i}-{variant}.png" for variant in variants]
        for variant, file in zip(variants, files, strict=True):
            drawing(colour, shape, variant).save(folder / file)
        said = {"en": f"a {c} {s}", "ko": f"{COLOURS[c][0]} {SHAPES[s]}"}
        lines.append(json.dumps({"images": files, **said}))
    path = folder / "captions.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


QUICK = {"epochs": 100, "batch_size": 50, "hidden": 128, "dim": 64, "evaluations": 2}
COLUMNS = {"image_column": "images", "text_columns": ("en", "ko")}


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    path = table(folder / "data")
    aside = table(folder / "aside", variants=(2,))
    training = ClipTraining(**QUICK).fit(path, evaluate=aside, **COLUMNS)
    return training, path, training.save(folder / "joint")


def test_the_loss_by_hand():
    """Two pairs at right angles, scale ln 3: each row's softmax is 3/4 and 1/4: loss ln(4/3)."""
    rows = torch.eye(2)
    right = torch.eye(2, dtype=torch.bool)
    assert float(clip_loss(rows, rows, math.log(3), right)) == pytest.approx(math.log(4 / 3))
    equal = torch.ones(5, 3) / 3**0.5
    even = clip_loss(equal, equal, 10.0, torch.eye(5, dtype=torch.bool))
    assert float(even) == pytest.approx(math.log(5))
    # Both of a pair right: a row's target is a half each, so -(ln 3/4 + ln 1/4) / 2.
    both = torch.ones(2, 2, dtype=torch.bool)
    expected = -(math.log(3 / 4) + math.log(1 / 4)) / 2
    assert float(clip_loss(rows, rows, math.log(3), both)) == pytest.approx(expected)


def test_with_one_right_text_it_is_clip_s_loss():
    """The pseudo-code of the paper's figure 3: cross-entropy of the logits along both axes."""
    generator = torch.Generator().manual_seed(0)
    images, texts = (
        torch.nn.functional.normalize(torch.randn(9, 5, generator=generator), dim=1)
        for _ in range(2)
    )
    logits, labels = 14.0 * images @ texts.T, torch.arange(9)
    entropy = torch.nn.functional.cross_entropy
    expected = (entropy(logits, labels) + entropy(logits.T, labels)) / 2
    got = clip_loss(images, texts, 14.0, torch.eye(9, dtype=torch.bool))
    assert float(got) == pytest.approx(float(expected), abs=1e-6)


def test_projections_compute_what_torch_trained():
    rng = np.random.default_rng(0)
    images, texts = (rng.normal(size=(6, n)).astype(np.float32) for n in (7, 4))
    pairs = np.stack([np.arange(6)] * 3, axis=1)
    recipe = Recipe(3, 5, 5, 6, 0.1, 0.0, 0.0, 1, 0)
    objective = ProjectionObjective(images, texts, pairs, recipe, None, Compute.of("cpu"))
    before = objective.projections()
    make_loop(recipe, objective.per_epoch).run(objective, None)
    for side, rows in (("image", images), ("text", texts)):
        with torch.no_grad():
            expected = objective.project(side, torch.from_numpy(objective._rows[side])).numpy()
        np.testing.assert_allclose(objective.projections()[side](rows), expected, atol=1e-6)
        assert np.abs(before[side](rows) - expected).max() > 0.1
    x = torch.linspace(-4, 4, 33)
    expected = torch.nn.functional.gelu(x, approximate="tanh").numpy()
    np.testing.assert_allclose(gelu(x.numpy()), expected, atol=1e-6)


def test_another_picture_of_the_group_is_drawn():
    pairs = np.array([[0, 0, 4], [1, 0, 4], [2, 1, 4], [3, 2, 6], [3, 3, 6]])
    drawn = np.stack([_Twins(pairs, seed).of(pairs) for seed in range(40)])
    for column, others in enumerate([{1, 2}, {0, 2}, {0, 1}, {3}, {3}]):
        assert set(drawn[:, column].tolist()) == others


def test_names_find_pictures_never_seen(learnt, tmp_path):
    """The same 25 things, drawn in a third way; by chance 1 in 25 is right."""
    training, path, _ = learnt
    found = training.report_.recalls
    assert (training.report_.n_pairs, training.report_.n_held_out) == (100, 50)
    for way in ("en to image", "ko to image", "image to text"):
        assert found[f"{way} recall@1"] >= 0.7
        assert training.report_.control[f"{way} recall@1"] <= 0.1
    assert training.report_.curve.losses[-1][1] < training.report_.curve.losses[0][1]
    wrong = ClipTraining(**QUICK)
    aside = path.parent.parent / "aside" / "captions.jsonl"
    wrong.fit(table(tmp_path / "wrong", seed=1), evaluate=aside, **COLUMNS)
    assert wrong.report_.recalls["text to image recall@1"] <= 0.2


def test_a_share_of_the_groups_is_held_out_and_the_seed_decides(learnt):
    _, path, _ = learnt
    runs = [
        ClipTraining(**QUICK | {"held_out": 0.2, "epochs": 3, "seed": seed}).fit(path, **COLUMNS)
        for seed in (0, 0, 1)
    ]
    assert [run.report_.n_held_out for run in runs] == [20, 20, 20]
    first, again, other = (run.model_["image"].layers[0][0] for run in runs)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert "image to image recall@1" in runs[0].report_.recalls


def test_both_sides_load_and_are_one_space(learnt, tmp_path):
    training, path, place = learnt
    texts, images = sememe.load(f"{place}:text"), sememe.load(f"{place}:image")
    assert texts.space == images.space
    assert [e.modality for e in sememe.load_encoders(str(place))] == ["text", "image"]
    pictures = [drawing("red", "ring", 0), drawing("blue", "square", 1)]
    vectors = images.encode(pictures)
    base = sememe.load("efficientnet-lite0").encode(pictures)
    np.testing.assert_allclose(vectors, training.model_["image"](base), atol=1e-6)
    cosines = texts.encode(["a red ring", "파란 네모"]) @ vectors.T
    assert cosines.argmax(axis=1).tolist() == [0, 1]
    judge = sememe.ZeroShot(images, texts, ["빨간 고리", "파란 네모", "초록 세모"])
    assert judge.classify(pictures, k=1)[1][0].label == "파란 네모"
    assert encode_all(images, [b"", pictures[0]])[1] == {0: "empty: it holds no bytes"}
    with pytest.raises(sememe.InvalidInputError, match="has two encoders"):
        sememe.load(str(place))
    index = Index.create(tmp_path / "index", [str(place)])
    assert index.sync(path.parent).added >= 50
    assert index.search("초록 세모", where="modality = 'image'", k=2, mode="semantic").ids[0] in (
        "data/7-0.png", "data/7-1.png",
    )  # fmt: skip


def test_a_run_goes_on_with_the_vectors_it_has(learnt, tmp_path, monkeypatch):
    _, path, _ = learnt
    quick = QUICK | {"held_out": 0.0, "epochs": 5}
    ClipTraining(**quick).fit(path, checkpoint=tmp_path / "state", **COLUMNS)

    def refuse(*_, **__):
        raise RuntimeError("encoded again")

    monkeypatch.setattr(ImageEncoder, "encode_with_receipt", refuse)
    again = ClipTraining(**quick).fit(path, checkpoint=tmp_path / "state", **COLUMNS)
    assert (again.report_.recalls, again.report_.n_pairs) == ({}, 100)
    with pytest.raises(RuntimeError, match="encoded again"):
        ClipTraining(**quick).fit(path, checkpoint=tmp_path / "other", **COLUMNS)


def test_the_command(learnt, tmp_path, capsys):
    _, path, _ = learnt
    csv_path = path.parent / "one.csv"
    with csv_path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "text"])
        writer.writerows([["0-0.png", "a red circle"], ["1-0.png", "a red square"]] * 2)
        writer.writerows([["6-0.png", "a green square"], ["none.png", "x"], ["2-0.png", " "]])
    (path.parent / "cut.png").write_bytes((path.parent / "0-0.png").read_bytes()[:100])
    with csv_path.open("a", encoding="utf-8") as file:
        file.write("cut.png,a cut picture\n")
    out = tmp_path / "joint"
    arguments = ["train", "clip", str(csv_path), "-o", str(out), "--epochs", "3", "--json"]
    assert main(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["n_pairs"] == 3
    told = " ".join(document["notes"])
    for part in ("1 images that are not there", "no text", "repeat another", "cut.png: cut off"):
        assert part in told
    assert (
        main(["classify", str(path.parent / "0-0.png"), "--labels", "원,네모", "-m", str(out)]) == 0
    )
    assert capsys.readouterr().out.count("0-0.png") == 1
    assert main(arguments) == 2
    assert "is there already" in capsys.readouterr().err


def test_bad_options_and_data_are_told(learnt, tmp_path):
    _, path, place = learnt
    options = {"image_column": "images", "text_columns": ("en",)}
    for name, value in [("dim", 1), ("dropout", 1.0), ("held_out", -0.1), ("epochs", 0)]:
        with pytest.raises(sememe.InvalidInputError, match=f"{name}={value}"):
            ClipTraining(**{name: value}).fit(path, **options)
    with pytest.raises(sememe.InvalidInputError, match="give an encoder of images"):
        ClipTraining(image="use-multilingual-v3").fit(path, **options)
    with pytest.raises(sememe.InvalidInputError, match="nothing is trained"):
        ClipTraining().save(tmp_path / "x")
    with pytest.raises(FloatingPointError, match="lower learning rate"):
        ClipTraining(learning_rate=1e30, **QUICK).fit(path, **options)
    found = read_joint_folder(place)
    with pytest.raises(ValueError, match="of no shape"):
        Projection.of({"image.mean": np.zeros(3), "image.scale": np.ones(3)}, "image")
    (place / "projections.npz").write_bytes(b"PK")
    with pytest.raises(sememe.CorruptFileError, match="is damaged"):
        read_joint_folder(place)
    assert found.scale > 1
