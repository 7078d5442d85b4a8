"""CLIP without torch: vectors as of transformers and of open_clip, from the folders they write."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import transformers as t
from PIL import Image

import sememe
from sememe.models.clip.preprocess import read_preprocess
from sememe.sources.media.image_decoding import open_image
from tests.models.clip import checkpoints as small
from tests.models.clip.checkpoints import WORDS

pytestmark = pytest.mark.train

TEXTS = [
    "a photo of a cat", "Dog", "it's 12 o'clock, we'll GO!", "고양이와 개", "e\u0301té  \t naïve",
    "x<|endoftext|>y", "photo " * 30, "🙂", "",
]  # fmt: skip
TOWER = {"num_hidden_layers": 3, "initializer_factor": 2.0}
# name: width, heads, activation, epsilon of both towers; picture and patch; the end's id
CONFIGS = {
    "quick_gelu": (32, 4, "quick_gelu", 1e-5, 32, 8, WORDS - 1),
    "gelu": (48, 3, "gelu", 1e-6, 28, 14, WORDS - 1),
    "old end": (32, 2, "gelu_new", 1e-5, 40, 16, 2),
    "another end": (32, 8, "quick_gelu", 1e-5, 24, 4, 300),
}


def smooth(height, width, seed):
    """A picture with areas, as photos have, and some noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    image = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    noise = rng.integers(-9, 10, image.shape)
    return np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8)


PICTURES = [smooth(*shape, i) for i, shape in enumerate([(64, 64), (50, 97), (131, 70), (20, 24)])]


def transformers_folder(place, kind):
    width, heads, act, eps, size, patch, end = CONFIGS[kind]
    small.write_tokenizer(place)
    names = small.vocabulary()
    if end == 300:  # the mark changes places with another piece
        other = next(name for name, i in names.items() if i == end)
        names["<|endoftext|>"], names[other] = names[other], names["<|endoftext|>"]
        (place / "vocab.json").write_text(json.dumps(names), encoding="utf-8")
    common = TOWER | {"hidden_size": width, "num_attention_heads": heads, "hidden_act": act}
    common |= {"layer_norm_eps": eps, "intermediate_size": 2 * width}
    torch.manual_seed(0)
    config = t.CLIPConfig(
        text_config=common | {"vocab_size": WORDS, "eos_token_id": end, "bos_token_id": WORDS - 2},
        vision_config=common | {"image_size": size, "patch_size": patch},
        projection_dim=20,
        logit_scale_init_value=4.0,
    )
    model = t.CLIPModel(config).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim == 1:  # gains of 1 and biases of 0 would hide a mistake
                value.add_(0.2 * torch.randn_like(value))
            assert torch.isfinite(value).all(), name
    model.save_pretrained(place)
    t.CLIPImageProcessor(size={"shortest_edge": size + 3}, crop_size=size).save_pretrained(place)
    return model


def unit(rows):
    return torch.nn.functional.normalize(rows, dim=-1).numpy()


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("fast", [False, True], ids=["two files", "tokenizer.json"])
def test_vectors_are_those_of_transformers(kind, fast, tmp_path):
    """The control: pictures and texts of the next place are far from each other."""
    model = transformers_folder(tmp_path, kind)
    tokenizer = t.CLIPTokenizer(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    if fast:
        tokenizer.save_pretrained(tmp_path)
        (tmp_path / "merges.txt").unlink()
    texts, images = sememe.load_encoders(str(tmp_path), overflow="truncate", threads=1)
    for text in TEXTS:
        theirs = tokenizer(text, truncation=True, max_length=77, return_tensors="pt")
        marked = [*texts.model.begin, *texts.tokenizer.encode([text])[0][:75], *texts.model.end]
        assert marked == theirs.input_ids[0].tolist()
        with torch.no_grad():
            row = unit(model.get_text_features(**theirs).pooler_output)
        np.testing.assert_allclose(texts.engine.forward([marked]), row, atol=1e-4)
        if text:
            np.testing.assert_allclose(texts.encode([text]), row, atol=1e-4)
    processor = t.CLIPImageProcessorPil.from_pretrained(tmp_path)
    pixels = processor([Image.fromarray(p) for p in PICTURES], return_tensors="pt")
    with torch.no_grad():
        rows = unit(model.get_image_features(**pixels).pooler_output)
    np.testing.assert_allclose(images.encode(PICTURES), rows, atol=1e-4)
    assert np.abs(np.roll(rows, 1, axis=0) - rows).max() > 0.01
    assert np.log(images.scale) == pytest.approx(model.logit_scale.item())


def test_a_folder_that_the_processor_wrote(tmp_path):
    """Its newer form: pictures and texts described in one file."""
    transformers_folder(tmp_path, "gelu")
    before = sememe.load(f"{tmp_path}:image").encode(PICTURES)
    tokenizer = t.CLIPTokenizer(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    images = t.CLIPImageProcessor.from_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    t.CLIPProcessor(images, tokenizer).save_pretrained(tmp_path)
    assert (tmp_path / "processor_config.json").is_file()
    np.testing.assert_array_equal(sememe.load(f"{tmp_path}:image").encode(PICTURES), before)


@pytest.mark.parametrize(
    "facts",
    [
        {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}},
        {"size": {"shortest_edge": 45}, "crop_size": {"height": 32, "width": 32}},
        {"size": {"shortest_edge": 32}, "crop_size": 32, "resample": 2, "image_std": [0.5] * 3},
        {"size": {"height": 32, "width": 32}, "do_center_crop": False},
    ],
)
def test_pixels_are_those_of_transformers(facts, tmp_path):
    """To the last bit with its processor that runs Pillow; torch scales bytes a little else."""
    processor = t.CLIPImageProcessorPil(**facts)
    processor.save_pretrained(tmp_path)
    ours = read_preprocess(json.loads((tmp_path / "preprocessor_config.json").read_text()), "")
    mean, std = np.array(ours.mean), np.array(ours.std)
    for picture in PICTURES:
        image = open_image(picture)
        values = (ours.pixels(image) / 255 - mean) / std
        theirs = processor(image, return_tensors="np")["pixel_values"][0].transpose(1, 2, 0)
        np.testing.assert_allclose(values, theirs, atol=1e-3)
        torch_ones = t.CLIPImageProcessor(**facts)(image, return_tensors="np")["pixel_values"][0]
        apart = np.abs(values - torch_ones.transpose(1, 2, 0)) * 255 * std
        assert apart.max() < 2.01 and (apart > 0.01).mean() < 0.2  # steps of 255


def open_clip_folder(place, **changes):
    import open_clip

    vision = {"image_size": 32, "patch_size": 8, "width": 32, "layers": 3, "head_width": 8}
    text = {"context_length": 77, "vocab_size": WORDS, "width": 32, "heads": 4, "layers": 3}
    config = {"embed_dim": 20, "vision_cfg": vision, "text_cfg": text}
    for part, more in changes.items():
        if part in config and isinstance(more, dict):
            config[part] |= more
        elif part != "custom":
            config[part] = more
    torch.manual_seed(0)
    kind = open_clip.CustomTextCLIP if changes.get("custom") else open_clip.CLIP
    model = kind(**config).eval()
    with torch.no_grad():
        for value in model.parameters():
            if value.ndim == 1:
                value.add_(0.2 * torch.randn_like(value))
    from open_clip.push_to_hf_hub import save_for_hf
    from open_clip.tokenizer import HFTokenizer

    model.visual.image_mean, model.visual.image_std = (0.5, 0.4, 0.3), (0.3, 0.2, 0.25)
    model.visual.preprocess_cfg = {"interpolation": "bicubic", "resize_mode": "shortest"}
    small.write_tokenizer(place / "two")
    two = place / "two"
    t.CLIPTokenizer(str(two / "vocab.json"), str(two / "merges.txt")).save_pretrained(two)
    save_for_hf(model, HFTokenizer(str(two)), config, str(place), safe_serialization=True)
    return model


@pytest.mark.parametrize(
    "changes",
    [
        {"quick_gelu": True},
        {"custom": True, "text_cfg": {"pool_type": "eos", "eos_id": WORDS - 1}},
        {"vision_cfg": {"patch_size": 16, "mlp_ratio": 3.0, "ls_init_value": 0.3}},
        {
            "vision_cfg": {"no_ln_pre": True, "norm_kwargs": {"eps": 1e-6}},
            "text_cfg": {"proj_bias": True, "act_kwargs": {"approximate": "tanh"}},
        },
    ],
    ids=["plain", "text apart", "layer scale", "other parts"],
)
def test_vectors_are_those_of_open_clip(changes, tmp_path):
    from open_clip.transform import image_transform

    model = open_clip_folder(tmp_path, **changes)
    texts, images = sememe.load_encoders(str(tmp_path), overflow="truncate", threads=1)
    some = [text for text in TEXTS if text]
    ids = [
        [*texts.model.begin, *row[:75], *texts.model.end] for row in texts.tokenizer.encode(some)
    ]
    padded = torch.tensor([row + [0] * (77 - len(row)) for row in ids])
    transform = image_transform(
        32, is_train=False, mean=(0.5, 0.4, 0.3), std=(0.3, 0.2, 0.25), interpolation="bicubic"
    )
    pixels = torch.stack([transform(Image.fromarray(p)) for p in PICTURES])
    with torch.no_grad():
        rows, pictures = unit(model.encode_text(padded)), unit(model.encode_image(pixels))
    np.testing.assert_allclose(texts.encode(some), rows, atol=1e-4)
    np.testing.assert_allclose(images.encode(PICTURES), pictures, atol=1e-4)
    assert np.abs(np.roll(rows, 1, axis=0) - rows).max() > 0.01
    assert np.log(images.scale) == pytest.approx(model.logit_scale.item())


def test_the_tokenizer_is_that_of_open_clip(tmp_path):
    """Its own vocabulary from its own package, written in two files as OpenAI did."""
    import open_clip
    from open_clip.tokenizer import SimpleTokenizer

    from sememe.text.tokenizers.clip_bpe import ClipTokenizer

    theirs = SimpleTokenizer()
    marks = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    pieces = {marks.get(name, name): i for name, i in theirs.encoder.items()}
    (tmp_path / "vocab.json").write_text(json.dumps(pieces), encoding="utf-8")
    pairs = "\n".join(" ".join(pair) for pair in theirs.bpe_ranks)
    (tmp_path / "merges.txt").write_text(f"#version: 0.2\n{pairs}\n", encoding="utf-8")
    ours = ClipTokenizer(tmp_path / "vocab.json", tmp_path / "merges.txt")
    assert ours.vocab_size == 49408 and (ours.begin, ours.end) == ((49406,), (49407,))
    some = [
        "A photo of a Blenheim spaniel, on the beach at 7:30pm!", "고양이 한 마리가 잔다",
        "naïve café -- 100% #hashtag @home", "I'll've won't they're", "日本語のテキスト", "   ",
    ]  # fmt: skip
    assert ours.encode(some) == [theirs.encode(text) for text in some]
    assert open_clip.tokenize([some[0]])[0, 0] == 49406
