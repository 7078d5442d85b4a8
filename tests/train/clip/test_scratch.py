"""Both towers of CLIP from nothing: what is learnt, kills, the folder, and what is refused."""

from __future__ import annotations

import copy
import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

import sememe
from sememe import ClipFromScratch, CorruptFileError, InvalidInputError
from sememe.app.cli import main
from sememe.evaluate.runners.image_retrieval import evaluate_image_retrieval
from sememe.sources.datasets.image_text import read_image_texts
from sememe.text.tokenizers.clip_bpe import ClipTokenizer
from sememe.train.base.curve import Plan
from sememe.train.clip.objective import Batches, Captioned
from sememe.train.clip.vocabulary import MIN_VOCAB_SIZE, encode_padded, learn_vocabulary
from tests import forked

pytestmark = pytest.mark.train

COLOURS = {"red": ("빨간", (220, 30, 30)), "green": ("초록", (20, 150, 40)),
           "blue": ("파란", (30, 60, 220)), "yellow": ("노란", (240, 220, 30))}  # fmt: skip
SHAPES = {"square": "네모", "triangle": "세모", "cross": "십자"}
KINDS = [(colour, shape) for colour in COLOURS for shape in SHAPES]
COLUMNS = ("en", "ko")
QUICK = {"image_size": 32, "width": 32, "layers": 2, "dim": 32, "batch_size": 56, "epochs": 65,
         "learning_rate": 3e-3, "evaluations": 3}  # fmt: skip
SMALL = QUICK | {"layers": 1, "epochs": 8, "batch_size": 12, "evaluations": 4, "held_out": 0.25}


# Encodes with a folder where neither torch nor transformers can be imported.
LIGHT = """
import sys
for name in ("torch", "transformers"):
    sys.modules[name] = None
import numpy, sememe
texts, images = sememe.load_encoders(sys.argv[1])
numpy.save(sys.argv[3], texts.encode(["빨간 네모"]) @ images.encode([sys.argv[2]]).T)
"""


def drawing(colour, shape, rng):
    """32 x 32 pixels, a shape of some size somewhere on some grey."""
    image = Image.new("RGB", (32, 32), (int(rng.integers(120, 256)),) * 3)
    draw, fill, r = ImageDraw.Draw(image), COLOURS[colour][1], int(rng.integers(8, 12))
    x, y = (int(v) for v in rng.integers(r + 1, 31 - r, 2))
    if shape == "square":
        draw.rectangle((x - r, y - r, x + r, y + r), fill=fill)
    elif shape == "triangle":
        draw.polygon((x, y - r, x + r, y + r, x - r, y + r), fill=fill)
    else:
        draw.rectangle((x - 3, y - r, x + 3, y + r), fill=fill)
        draw.rectangle((x - r, y - 3, x + r, y + 3), fill=fill)
    return image


def table(folder, n, *, seed, shuffled=False):
    """Write n drawings of each of the 12 kinds, with names in two languages."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    kinds = KINDS * n
    names = [kinds[i] for i in rng.permutation(len(kinds))] if shuffled else kinds
    lines = []
    for i, ((colour, shape), (c, s)) in enumerate(zip(kinds, names, strict=True)):
        drawing(colour, shape, rng).save(folder / f"{i}.png")
        said = {"en": f"a {c} {s}", "ko": f"{COLOURS[c][0]} {SHAPES[s]}"}
        lines.append(json.dumps({"image": f"{i}.png", **said}))
    path = folder / "captions.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    place = tmp_path_factory.mktemp("clip")
    return {
        "learnt": table(place / "learnt", 14, seed=0),
        "shuffled": table(place / "shuffled", 14, seed=1, shuffled=True),
        "aside": table(place / "aside", 6, seed=2),
        "few": table(place / "few", 4, seed=3),
    }


@pytest.fixture(scope="module")
def learnt(tables, tmp_path_factory):
    training = ClipFromScratch(**QUICK, crop=0.9)
    training.fit(tables["learnt"], evaluate=tables["aside"], text_columns=COLUMNS)
    return training, training.save(tmp_path_factory.mktemp("saved") / "mine")


def test_names_find_drawings_never_seen_and_shuffled_ones_do_not(learnt, tables):
    """72 drawings of 12 kinds that no step saw: a name is right by chance 1 time in 12."""
    report = learnt[0].report_
    for way in ("en to image", "ko to image", "image to text"):
        assert report.recalls[f"{way} recall@1"] >= 0.5, report.recalls
    assert report.curve.after > 0.95 > report.curve.before
    assert (report.n_images, report.n_texts, report.n_pairs) == (168, 24, 336)
    assert report.n_held_out == 144
    assert 0.01 <= report.temperature < 0.07
    wrong = ClipFromScratch(**QUICK, crop=0.9)
    wrong.fit(tables["shuffled"], evaluate=tables["aside"], text_columns=COLUMNS)
    for way in ("text to image", "image to text"):
        assert wrong.report_.recalls[f"{way} recall@1"] <= 0.25


def test_the_folder_is_what_was_measured(learnt, tables):
    """Sememe's own engine finds with the saved folder what the network found in training."""
    training, place = learnt
    texts, images = sememe.load_encoders(str(place))
    data = read_image_texts(tables["aside"], text_columns=COLUMNS)
    found = evaluate_image_retrieval((images, texts), data, resamples=10)
    assert found.metrics == pytest.approx(training.report_.recalls)
    judge = sememe.ZeroShot(images, texts, ["초록 십자", "노란 네모", "파란 세모"])
    square = drawing("yellow", "square", np.random.default_rng(9))
    assert judge.classify([square], k=1)[0][0].label == "노란 네모"
    assert images.scale == pytest.approx(1 / training.report_.temperature)


def test_transformers_opens_the_folder_and_has_the_same_vectors(learnt):
    """To 1e-4, on texts and pictures of any kind, which transformers too scales with Pillow."""
    import transformers

    place = str(learnt[1])
    model = transformers.CLIPModel.from_pretrained(place).eval()
    processor = transformers.AutoProcessor.from_pretrained(place)
    texts, images = sememe.load(f"{place}:text"), sememe.load(f"{place}:image")

    def unit(rows):
        return torch.nn.functional.normalize(rows.pooler_output, dim=1).numpy()

    said = ["a red square", "빨간 네모", "A  GREEN cross, it's 42!", "훈민정음 🎉 naïve", ""]
    read = processor(text=said, return_tensors="pt", padding=True)
    rng = np.random.default_rng(0)
    seen = [
        rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in [(32, 32), (51, 84), (9, 7)]
    ]
    pil = transformers.CLIPImageProcessorPil.from_pretrained(place)
    pixels = pil([Image.fromarray(one) for one in seen], return_tensors="pt")
    with torch.no_grad():
        rows = unit(model.get_text_features(**read))
        np.testing.assert_allclose(texts.encode(said[:-1]), rows[:-1], atol=1e-4)
        empty = [*texts.model.begin, *texts.model.end]
        np.testing.assert_allclose(texts.engine.forward([empty]), rows[-1:], atol=1e-4)
        np.testing.assert_allclose(
            images.encode(seen), unit(model.get_image_features(**pixels)), atol=1e-4
        )
    assert processor.tokenizer.model_max_length == 64


def test_it_runs_where_there_is_no_torch(learnt, tables, tmp_path):
    place, picture, out = learnt[1], tables["aside"].parent / "0.png", tmp_path / "score.npy"
    words = [sys.executable, "-c", LIGHT, str(place), str(picture), str(out)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    texts, images = sememe.load_encoders(str(place))
    expected = texts.encode(["빨간 네모"]) @ images.encode([picture]).T
    np.testing.assert_allclose(np.load(out), expected, atol=1e-6)


def test_killed_the_command_goes_on_and_comes_out_the_same(tables, tmp_path, capsys):
    """With a picture that cannot be read, which is told."""
    folder = tmp_path / "data"
    shutil.copytree(tables["few"].parent, folder)
    path = folder / "captions.jsonl"
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:60])
    with path.open("a", encoding="utf-8") as file:
        file.write('\n{"image": "cut.png", "en": "a cut picture"}\n')
    whole = ClipFromScratch(**SMALL).fit(path, text_columns=COLUMNS)
    steps = whole.report_.curve.steps
    command = ["train", "clip", str(path), "-o", str(tmp_path / "out"), "--from-scratch", "--json"]
    for name in ("image_size", "width", "layers", "dim", "batch_size", "epochs", "learning_rate",
                 "held_out", "evaluations"):  # fmt: skip
        command += [f"--{name.replace('_', '-')}", str(SMALL[name])]
    command += ["--text-column", "en", "--text-column", "ko"]
    assert forked.killed_at(steps // 2 + 1, *command) == -9
    assert main(command) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["curve"]["resumed_at"] == steps // 2
    assert any("1 images could not be read: cut.png" in note for note in said["notes"])
    losses = [tuple(point) for point in said["curve"]["losses"]]
    assert len(losses) == steps
    whole_losses = whole.report_.curve.losses
    np.testing.assert_allclose(losses, whole_losses, atol=1e-6)
    assert said["curve"]["metrics"] == [list(one) for one in whole.report_.curve.metrics]
    from safetensors.torch import load_file

    kept = load_file(tmp_path / "out" / "model.safetensors")
    assert set(kept) == set(whole.model_.state_dict())
    for name, tensor in whole.model_.state_dict().items():
        assert torch.equal(tensor, kept[name]), name
    assert not (tmp_path / "out.checkpoint").exists()


def test_what_is_right_for_a_picture():
    """Two red squares apart, one blue: each picture's own names, and its group's, are right."""
    pairs = np.array([[0, 0, 0], [0, 1, 0], [1, 0, 1], [1, 2, 1], [2, 3, 2], [3, 4, 2]])
    batches = Batches(pairs, 4, seed=0)
    assert batches.per_epoch == 1
    batch = np.array([[0, 1, 0], [1, 0, 1], [2, 3, 2], [3, 4, 2]])
    right = np.array([[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]], bool)
    np.testing.assert_array_equal(batches.match(batch), right)
    drawn = [batches.of(step) for step in range(40)]
    assert all(sorted(batch[:, 0].tolist()) == [0, 1, 2, 3] for batch in drawn)
    assert {tuple(row) for batch in drawn for row in batch.tolist()} == set(map(tuple, pairs))
    np.testing.assert_array_equal(Batches(pairs, 4, seed=0).of(7), drawn[7])


def test_a_step_leaves_the_temperature_within_its_limit(learnt):
    """The paper's: cosines are multiplied by 100 at most; and the loss at a start is near ln n."""
    training = learnt[0]
    network = copy.deepcopy(training.model_).train()
    rng = np.random.default_rng(0)
    pairs = np.repeat(np.arange(16)[:, None], 3, axis=1)
    ids = rng.integers(0, 500, (16, 6)).astype(np.int32)
    ids[:, -1] = network.config.text_config.eos_token_id
    pixels = rng.integers(0, 256, (16, 32, 32, 3), dtype=np.uint8)
    data = Captioned(pixels, ids, np.full(16, 6), pairs)
    objective = training._objective(network, data, data)
    loop = replace(training._loop(objective), plan=Plan(1, 1, 1))
    with torch.no_grad():
        network.logit_scale.fill_(-20)  # all logits 0
    first = objective.loss(objective.batch(0), 0)
    assert first.item() == pytest.approx(math.log(16), abs=1e-4)
    with torch.no_grad():
        network.logit_scale.fill_(6)
    loop.run(replace(objective, held=replace(data, pairs=pairs[:0])), None)
    assert network.logit_scale.item() == pytest.approx(math.log(100))


def test_the_vocabulary_writes_any_text_and_comes_out_the_same(tmp_path):
    texts = ["빨간 네모", "빨간 세모", "A red square", "a RED triangle", "red, red"]
    made = learn_vocabulary(texts, tmp_path / "a", size=700)
    learn_vocabulary(texts, tmp_path / "b", size=700)
    for name in ("vocab.json", "merges.txt"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    least = MIN_VOCAB_SIZE
    assert least < made.vocab_size < 700
    assert (made.begin, made.end) == ((made.vocab_size - 2,), (made.vocab_size - 1,))
    names = json.loads((tmp_path / "a" / "vocab.json").read_text(encoding="utf-8"))
    assert names["red</w>"] >= least - 2 and "ë¹¨ê°Ħ</w>" in names  # 빨간, its six bytes
    assert [len(ids) for ids in made.encode(["red 빨간 RED", "빨간"])] == [3, 1]
    odd = ["눕 🎉 ß", "네", ""]
    for text, ids in zip(odd, made.encode(odd), strict=True):
        assert made.unknown not in ids
        assert len(ids) <= len(text.encode())
    learn_vocabulary(texts, tmp_path / "c", size=least)
    bytes_only = ClipTokenizer(tmp_path / "c" / "vocab.json", tmp_path / "c" / "merges.txt")
    assert len(bytes_only.encode(["빨간"])[0]) == 6
    rows, lengths, cut = encode_padded(bytes_only, ["빨간", "a"], max_tokens=5)
    assert lengths.tolist() == [5, 3] and cut == 1
    assert rows[:, 0].tolist() == [least - 2] * 2 and rows[1, 2:].tolist() == [least - 1] * 3
    assert rows[0, -1] == least - 1


def test_bad_options_and_data_are_told(tables, tmp_path):
    few = tables["few"]
    for name, value, allowed in [
        ("image_size", 30, "a multiple of patch_size=8"), ("width", 48, "a multiple of 32"),
        ("vocab_size", 300, "514 or more"), ("max_tokens", 2, "at least 4"), ("crop", 0, "0.6"),
        ("warmup", 1, "below 1"), ("batch_size", 1, "at least 2"), ("held_out", 1, "below 1"),
        ("patch_size", 0, "at least 1"),
    ]:  # fmt: skip
        with pytest.raises(InvalidInputError, match=f"{name}={value}; give .*{allowed}"):
            ClipFromScratch(**{name: value}).fit(few, text_columns=COLUMNS)
    with pytest.raises(InvalidInputError, match="nothing is trained"):
        ClipFromScratch().save(tmp_path / "x")
    one = tmp_path / "one.csv"
    shutil.copy(few.parent / "0.png", tmp_path / "0.png")
    one.write_text("image,text\n0.png,a square\n0.png,red\n", encoding="utf-8")
    with pytest.raises(InvalidInputError, match="all pairs are of one image"):
        ClipFromScratch(**SMALL).fit(one)
    (tmp_path / "0.png").write_bytes(b"no picture")
    with pytest.raises(InvalidInputError, match=r"no image can be read: .*0\.png"):
        ClipFromScratch(**SMALL).fit(one)
    with pytest.raises(FloatingPointError, match="lower learning rate"):
        ClipFromScratch(**SMALL | {"learning_rate": 1e30}).fit(few, text_columns=COLUMNS)


def test_a_checkpoint_of_another_run_is_refused_and_a_damaged_one_told(tables, tmp_path):
    quick, state = SMALL | {"epochs": 1, "max_tokens": 8}, tmp_path / "state"

    def fit(**changes):
        training = ClipFromScratch(**quick | changes)
        return training.fit(tables["few"], text_columns=COLUMNS, checkpoint=state)

    first, again = fit(), fit()
    assert again.report_.curve.resumed_at == again.report_.curve.steps == first.report_.curve.steps
    assert again.report_.recalls == first.report_.recalls
    with pytest.raises(InvalidInputError, match="dim was 32, is 16"):
        fit(dim=16)
    (kept,) = state.glob("checkpoint-*/state.safetensors")
    kept.write_bytes(kept.read_bytes()[:1000])
    with pytest.raises(CorruptFileError, match="is damaged"):
        fit()


def test_with_nothing_held_out_and_captions_that_are_cut(tables, tmp_path, capsys):
    command = ["train", "clip", str(tables["few"]), "-o", str(tmp_path / "out"), "--from-scratch"]
    command += ["--image-size", "16", "--width", "32", "--layers", "1", "--epochs", "1"]
    assert main([*command, "--held-out", "0", "--text-column", "ko"]) == 0
    out = capsys.readouterr().out
    assert "48 pairs of 48 images and 12 texts: 1 steps" in out and "recall" not in out
    assert "sememe index FOLDER --into DIR -m" in out
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert 'sememe.load("this-folder:text")' in card and "| image_size | 16 |" in card
    quick = SMALL | {"epochs": 1, "max_tokens": 4, "held_out": 0.0}
    report = ClipFromScratch(**quick).fit(tables["few"], text_columns=COLUMNS).report_
    assert report.recalls == report.control == {} and report.curve.metric == ""
    assert report.notes == ("12 texts are longer than 4 tokens and were cut",)


def test_options_of_the_other_recipe_are_refused(tables, tmp_path, capsys):
    command = ["train", "clip", str(tables["few"]), "-o", str(tmp_path / "out")]
    for options, told in [
        (["--from-scratch", "--image", "efficientnet-lite0"], "--image is of encoders that stay"),
        (["--from-scratch", "--text", "use-multilingual-v3"], "--text is of encoders that stay"),
        (["--from-scratch", "--hidden", "0"], "--hidden is of encoders that stay"),
        (["--from-scratch", "--dropout", "0"], "--dropout is of encoders that stay"),
        (["--image-size", "64"], "Add --from-scratch, or leave --image-size out"),
        (["--layers", "4"], "Add --from-scratch, or leave --layers out"),
        (["--evaluate", str(tables["few"]), "--held-out", "0.1"], "Leave one out"),
        (["--from-scratch", "--image-size", "30"], "image_size=30"),
    ]:
        assert main([*command, *options]) == 2
        assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
