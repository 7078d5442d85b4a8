"""CLIP's towers: against plain ones, in both forms of a checkpoint, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from sememe import CorruptFileError, InvalidInputError
from sememe.models.clip.config import read_config, read_open_clip_config
from sememe.models.clip.graph import image_graph
from sememe.models.clip.preprocess import read_open_clip_preprocess, read_preprocess
from sememe.models.clip.towers import check_size, make_text_engine
from sememe.models.clip.weights import read_image_weights, read_logit_scale, read_text_weights
from sememe.models.image.preprocess import Preprocess
from sememe.models.onnx.session import open_session
from tests.models.clip import checkpoints as small
from tests.models.clip.checkpoints import DIM, MEAN, PATCH, SIZE, STD, TOKENS, WIDTH, WORDS

BOS, EOS = WORDS - 2, WORDS - 1
IDS = [[BOS, 5, 9, EOS], [BOS, EOS], [BOS, *range(40, 40 + TOKENS - 2), EOS], [BOS, 7, EOS]]


def pixels(n=3, size=SIZE):
    return np.random.default_rng(7).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def vectors(config, tensors, pictures):
    weights = read_image_weights(config, tensors, where="made")
    preprocess = Preprocess(config.image_size, None, "bicubic", tuple(MEAN), tuple(STD))
    rows = open_session(image_graph(weights, preprocess)).run(["features"], {"pixels": pictures})[0]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("act", ["quick_gelu", "gelu", "gelu_pytorch_tanh", "relu"])
def test_both_towers_are_those_of_the_plain_network(act):
    config = read_config(small.config(hidden_act=act), "made")
    found = small.tensors()
    engine = make_text_engine(read_text_weights(config, found, where="made"), threads=2)
    for ids, got in zip(IDS, engine.forward(IDS), strict=True):
        np.testing.assert_allclose(got, small.plain_text(found, ids, len(ids) - 1, act), atol=2e-5)
    for picture, got in zip(pixels(), vectors(config, found, pixels()), strict=True):
        np.testing.assert_allclose(got, small.plain_image(found, picture, act), atol=2e-5)


@pytest.mark.parametrize("text", ["", "text."])
def test_both_forms_hold_the_same_network(text):
    """The text tower's names begin with "text." where open_clip builds it apart."""
    found = small.tensors()
    theirs = small.open_tensors(found, text=text)
    config, other = read_config(small.config(), ""), read_open_clip_config(small.open_config(), "")
    one = make_text_engine(read_text_weights(config, found, where=""))
    two = make_text_engine(read_text_weights(other, theirs, where=""))
    np.testing.assert_array_equal(one.forward(IDS), two.forward(IDS))
    np.testing.assert_array_equal(
        vectors(config, found, pixels()), vectors(other, theirs, pixels())
    )


@pytest.mark.parametrize("name", ["ls_1", "ls_2"])
def test_a_scale_of_layers_is_multiplied_in(name):
    """Ones change nothing; 0.5 does what half of the weights before it would do."""
    theirs = small.open_tensors(small.tensors())
    starts = [f"{side}transformer.resblocks.{i}." for side in ("visual.", "") for i in range(2)]
    config = read_open_clip_config(small.open_config(), "")
    plain = vectors(config, theirs, pixels())
    scaled = dict(theirs)
    for start in starts:
        scaled |= {f"{start}ls_{i}.gamma": np.ones(WIDTH, np.float32) for i in (1, 2)}
    np.testing.assert_array_equal(vectors(config, scaled, pixels()), plain)
    halved, expected = dict(scaled), dict(theirs)
    part = "attn.out_proj" if name == "ls_1" else "mlp.c_proj"
    for start in starts:
        halved[f"{start}{name}.gamma"] = np.full(WIDTH, 0.5, np.float32)
        for last in ("weight", "bias"):
            expected[f"{start}{part}.{last}"] = theirs[f"{start}{part}.{last}"] * 0.5
    got = vectors(config, halved, pixels())
    np.testing.assert_allclose(got, vectors(config, expected, pixels()), atol=1e-6)
    assert np.abs(got - plain).max() > 0.01


def test_a_text_is_read_at_its_first_end():
    """By id 9 where the config says so, by the highest id where it says 2, as old ones do."""
    found, ids = small.tensors(), [BOS, 5, 9, 6, 9, EOS, 8]
    facts = small.config()
    for eos, place in ((9, 2), (2, 5), (EOS, 5), ([9, EOS], 2)):
        facts["text_config"]["eos_token_id"] = eos
        engine = make_text_engine(read_text_weights(read_config(facts, ""), found, where=""))
        np.testing.assert_allclose(
            engine.forward([ids])[0], small.plain_text(found, ids, place), atol=2e-5
        )


def test_what_follows_the_end_is_not_seen():
    """The control is another token before the end."""
    config = read_config(small.config(), "")
    engine = make_text_engine(read_text_weights(config, small.tensors(), where=""))
    rows = engine.forward([[BOS, 5, EOS], [BOS, 5, EOS, 3, 4], [BOS, 6, EOS]])
    np.testing.assert_allclose(rows[1], rows[0], atol=1e-6)
    assert np.abs(rows[2] - rows[0]).max() > 0.01


def test_a_sequence_does_not_feel_its_batch():
    config = read_config(small.config(), "")
    engine = make_text_engine(read_text_weights(config, small.tensors(), where=""), threads=2)
    rng = np.random.default_rng(0)
    many = [
        [BOS, *rng.integers(0, BOS, size=n).tolist(), EOS]
        for n in rng.integers(0, TOKENS - 1, size=150)
    ]
    together = engine.forward(many)
    alone = np.concatenate([engine.forward([ids]) for ids in many])
    np.testing.assert_allclose(alone, together, atol=1e-5)
    engine.release()
    np.testing.assert_array_equal(engine.forward(many), together)
    with pytest.raises(InvalidInputError, match=f"positions for 1 to {TOKENS}"):
        engine.forward([[BOS] * (TOKENS + 1)])


def test_what_is_over_beside_the_patches_is_not_seen():
    """26 pixels hold three patches of 8: the last two rows and columns count for nothing."""
    config = read_config(small.config(image_size=SIZE + 2), "")
    found, pictures = small.tensors(), pixels(size=SIZE + 2)
    rows = vectors(config, found, pictures)
    inner = vectors(read_config(small.config(), ""), found, pictures[:, :SIZE, :SIZE].copy())
    np.testing.assert_allclose(rows, inner, atol=1e-6)


def test_a_tower_beyond_what_a_graph_holds_is_refused():
    """The matrix takes no memory: its rows and columns are all one number."""
    large = np.broadcast_to(np.float32(0), (30_000, 20_000))
    check_size([large[:10_000]], (), where="made")
    with pytest.raises(InvalidInputError, match=r"made: a tower has 2\.4 GB.*vision_model.onnx"):
        check_size([large], (), where="made")


def test_the_learnt_scale():
    assert read_logit_scale(small.tensors(), where="") == pytest.approx(3.0)
    assert read_logit_scale({}, where="") == pytest.approx(np.log(100))
    one = {"logit_scale": np.array([2.0], np.float32)}
    assert read_logit_scale(one, where="") == pytest.approx(2.0)
    with pytest.raises(CorruptFileError, match="logit_scale"):
        read_logit_scale({"logit_scale": np.array(np.nan, np.float32)}, where="")


def test_what_a_config_leaves_out_is_as_in_transformers():
    """ViT-B/32 is what all defaults make; an older config says its parts a second time."""
    found = read_config({"model_type": "clip"}, "")
    assert (found.dim, found.image_size, found.patch_size, found.max_tokens) == (512, 224, 32, 77)
    assert (found.image.width, found.image.heads, found.image.inner) == (768, 12, 3072)
    assert (found.text.width, found.text.heads, found.text.inner) == (512, 8, 2048)
    assert found.text.activation == "quick_gelu" and found.eos == 49407
    old = {"text_config": {"hidden_size": 64}, "text_config_dict": {"hidden_size": 128}}
    assert read_config(old | {"vision_config_dict": None}, "").text.width == 128
    vision = {"layers": 12, "width": 768, "patch_size": 32, "image_size": 224}
    text = {"width": 512, "heads": 8, "layers": 12}
    facts = {"model_cfg": {"embed_dim": 512, "vision_cfg": vision, "text_cfg": text}}
    other = read_open_clip_config(facts, "")
    assert other.image.inner == 3072 and other.image.heads == 12 and other.eos is None
    assert other.text.activation == "gelu"


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        (
            "text_config",
            {"hidden_act": "mish"},
            "text tower has hidden_act='mish'; sememe",
        ),
        (
            "vision_config",
            {"num_attention_heads": 5},
            "image tower: 5 heads do not divide",
        ),
        ("vision_config", {"num_channels": 1}, "images of 1 channels"),
        ("vision_config", {"image_size": [24, 32]}, "sememe reads squares"),
        ("vision_config", {"patch_size": 32}, "patches of 32 pixels in images of 24"),
        ("text_config", {"eos_token_id": 10**6}, "end is id 1000000"),
        ("text_config", {"hidden_size": "wide"}, "config.json is damaged"),
        ("text_config", {"num_hidden_layers": 0}, "below 1"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused(part, change, message):
    facts = small.config()
    facts[part] |= change
    with pytest.raises((InvalidInputError, CorruptFileError), match=message):
        read_config(facts, "made")


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("vision_cfg", {"layers": [3, 4, 6, 3]}, "modified ResNet"),
        ("vision_cfg", {"timm_model_name": "vit_base"}, "timm_model_name='vit_base'"),
        ("text_cfg", {"hf_model_name": "xlm-roberta-base"}, "text_cfg has hf_model_name"),
        ("text_cfg", {"no_causal_mask": True}, "no_causal_mask=True.*onnx/text_model.onnx"),
        ("vision_cfg", {"pool_type": "avg"}, "pools images by 'avg'"),
        ("text_cfg", {"pool_type": "last"}, "texts by 'last'"),
        ("text_cfg", {"tokenizer_kwargs": {"clean": "canonicalize"}}, "takes the punctuation out"),
    ],
)
def test_what_open_clip_has_beyond_clip_is_refused(part, change, message):
    facts = small.open_config()
    facts["model_cfg"][part] |= change
    with pytest.raises(InvalidInputError, match=message):
        read_open_clip_config(facts, "made")


def test_weights_that_do_not_fit_are_refused():
    config = read_config(small.config(), "")
    for name, make, message in (
        ("text_model.encoder.layers.1.mlp.fc1.weight", lambda x: x[:, :3], r"has shape \(24, 3\)"),
        ("text_model.final_layer_norm.bias", lambda x: x * np.nan, "holds NaN"),
        ("text_projection.weight", None, "lacks the tensor text_projection"),
    ):
        found = small.tensors()
        found[name] = make(found[name]) if make else found[name]
        if make is None:
            del found[name]
        with pytest.raises(CorruptFileError, match=message):
            read_text_weights(config, found, where="made")
        read_image_weights(config, found, where="made")  # which is not touched by it
    with pytest.raises(CorruptFileError, match="position_embedding"):
        read_image_weights(read_config(small.config(patch_size=12), ""), small.tensors(), where="")


PLAIN = {"size": {"shortest_edge": 30}, "crop_size": {"height": 24, "width": 24}}


@pytest.mark.parametrize(
    ("facts", "size", "resize", "way"),
    [
        (PLAIN, 24, 30, "bicubic"),
        ({"size": 30, "crop_size": 24, "resample": 2}, 24, 30, "bilinear"),
        ({"size": {"height": 24, "width": 24}, "do_center_crop": False}, 24, None, "bicubic"),
        ({"size": {"height": 24, "width": 24}, "resample": 1}, 24, None, "lanczos"),
        ({}, 224, 224, "bicubic"),
    ],
)
def test_how_pictures_are_made(facts, size, resize, way):
    found = read_preprocess(facts, "made")
    assert (found.size, found.resize, found.interpolation) == (size, resize, way)
    assert found.mean == (0.48145466, 0.4578275, 0.40821073) and found.half == "below"
    assert Preprocess.of(found.facts()) == found
    assert read_preprocess(facts | {"do_normalize": False}, "").std == (1, 1, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"do_center_crop": False}, "cuts nothing"),
        ({"do_resize": False}, "does not scale"),
        ({"rescale_factor": 1.0}, "multiplies values by 1.0"),
        ({"crop_size": {"height": 24, "width": 30}}, "30 x 24 pixels, and no squares"),
        ({"resample": 4}, "resample=4"),
        ({"image_std": [0, 1, 1]}, "is damaged"),
        ({"size": {"height": 30, "width": 30}}, "one square and cuts another"),
    ],
)
def test_other_ways_of_making_pictures_are_refused(change, message):
    with pytest.raises((InvalidInputError, CorruptFileError), match=message):
        read_preprocess(PLAIN | change, "made")


def test_how_open_clip_makes_pictures():
    found = read_open_clip_preprocess(small.open_config(), size=24, where="")
    assert (found.size, found.resize, found.half) == (24, 24, "even")
    squash = {"preprocess_cfg": {"resize_mode": "squash", "interpolation": "bilinear"}}
    found = read_open_clip_preprocess(squash, size=24, where="")
    assert (found.resize, found.interpolation, found.mean[0]) == (None, "bilinear", 0.48145466)
    with pytest.raises(InvalidInputError, match="resize_mode='longest'"):
        read_open_clip_preprocess({"preprocess_cfg": {"resize_mode": "longest"}}, size=24, where="")


def test_half_a_pixel_by_hand():
    """Of 27 pixels 24 are seen, 1.5 are over on each side: the cut begins at 2, or below at 1."""
    from PIL import Image

    columns = np.tile(np.arange(27, dtype=np.uint8)[None, :, None], (24, 1, 3))
    even = Preprocess(24, 24, "bicubic", (0, 0, 0), (1, 1, 1))
    below = Preprocess(24, 24, "bicubic", (0, 0, 0), (1, 1, 1), half="below")
    assert even.pixels(Image.fromarray(columns))[0, 0, 0] == 2
    assert below.pixels(Image.fromarray(columns))[0, 0, 0] == 1
    assert "half" not in even.facts() and below.facts()["half"] == "below"


def test_the_width_of_the_projection_is_the_dim():
    config = read_config(small.config(), "")
    weights = read_text_weights(config, small.tensors(), where="")
    assert make_text_engine(weights).forward(IDS).shape == (len(IDS), DIM)
    assert PATCH * 3 == SIZE
