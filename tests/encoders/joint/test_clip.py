"""CLIP's folders, from their names to vectors: two encoders, one space, and what is refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import sememe
from sememe import CorruptFileError, InvalidInputError, TextTooLongError, UnknownNameError
from tests.contracts.encoder import EncoderContract, encode_all
from tests.models.bert import checkpoints
from tests.models.clip import checkpoints as small
from tests.models.clip.checkpoints import DIM, SIZE, TOKENS, WORDS
from tests.models.weights.hub_server import Hub, serving
from tests.models.weights.test_hub import load as load_from

FORMS = ["transformers", "open_clip"]
TEXTS = ["a photo of a cat", "Dog!", "고양이 123", "", "photo " * 40]


def pictures(n=3):
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8) for _ in range(n)]


def ids_of(text):
    """By hand: words of the small vocabulary, and bytes for the rest."""
    names = small.vocabulary()
    known = {"a": ["a</w>"], "photo": ["photo</w>"], "of": ["of</w>"], "cat": ["cat</w>"]}
    return [names[piece] for word in text.split() for piece in known[word]]


@pytest.mark.parametrize("form", FORMS)
def test_both_encoders_give_what_the_plain_towers_give(form, tmp_path):
    place = str(small.write(tmp_path / "clip", form))
    texts, images = sememe.load_encoders(place)
    found = small.tensors()
    text = "a photo of a cat"
    ids = [WORDS - 2, *ids_of(text), WORDS - 1]
    expected = small.plain_text(found, ids, len(ids) - 1)
    np.testing.assert_allclose(texts.encode([text])[0], expected, atol=2e-5)
    for picture, row in zip(pictures(), images.encode(pictures()), strict=True):
        np.testing.assert_allclose(row, small.plain_image(found, picture), atol=2e-5)
    assert isinstance(texts, sememe.TextEncoder) and isinstance(images, sememe.ImageEncoder)
    assert texts.reads_captions and images.reads_captions
    assert texts.dim == images.dim == DIM
    assert texts.scale == images.scale == pytest.approx(np.exp(3.0))


@pytest.mark.parametrize("form", FORMS)
def test_each_goes_by_its_own_name(form, tmp_path):
    place = str(small.write(tmp_path / "clip", form))
    texts, images = sememe.load_encoders(place)
    for encoder, items in ((texts, TEXTS[:3]), (images, pictures())):
        again = sememe.load(encoder.name)
        assert (again.name, again.space, again.modality) == (
            encoder.name, encoder.space, encoder.modality,
        )  # fmt: skip
        np.testing.assert_array_equal(again.encode(items), encoder.encode(items))
    assert texts.space == images.space
    assert [one.name for one in sememe.load_encoders(texts.name)] == [texts.name]
    with pytest.raises(InvalidInputError, match=r"two encoders.*:text'\) or .*load_encoders"):
        sememe.load(place)


class TestTexts(EncoderContract):
    @pytest.fixture
    def subject(self, tmp_path):
        return sememe.load_encoders(str(small.write(tmp_path / "clip")), threads=2)[0]

    @pytest.fixture
    def items(self):
        return [*TEXTS[:3], "a dog", "photo of photo", "a photo of a cat " * 9]


class TestPictures(EncoderContract):
    @pytest.fixture
    def subject(self, tmp_path):
        return sememe.load_encoders(str(small.write(tmp_path / "clip")), threads=2)[1]

    @pytest.fixture
    def items(self):
        return pictures(9)

    def test_a_bare_item_is_refused(self, subject):
        with pytest.raises(InvalidInputError, match=r"encode_one"):
            subject.encode("picture.jpg")

    def test_a_stream_comes_in_batches(self, subject, items):
        batches = list(subject.encode_batches(iter(items)))  # of a size of its own
        np.testing.assert_allclose(np.concatenate(batches), subject.encode(items), atol=1e-5)


def test_a_name_of_one_encoder_gives_one():
    (only,) = sememe.load_encoders("use-multilingual-v3")
    assert only.name == "use-multilingual-v3"


@pytest.mark.parametrize("name", ["nowhere:text", "nowhere:image", ":image", ":text"])
def test_names_that_lead_nowhere(name):
    with pytest.raises(UnknownNameError):
        sememe.load(name)


def test_the_space_is_of_all_that_shapes_a_vector(tmp_path):
    """Another weight, another cut of pictures, another merge: another space; a copy: the same."""
    first = small.write(tmp_path / "first")
    shutil.copytree(first, tmp_path / "copy")
    other = small.tensors()
    other["visual_projection.weight"][0, 0] += 1
    small.write(tmp_path / "weights", weights=other)
    small.write(tmp_path / "pixels", processor={"resample": 2})
    merged = small.write(tmp_path / "merges")
    text = (merged / "merges.txt").read_text(encoding="utf-8").replace("ph o\n", "")
    (merged / "merges.txt").write_text(text, encoding="utf-8")
    spaces = {
        name: sememe.load(f"{tmp_path / name}:text").space
        for name in ("first", "copy", "weights", "pixels", "merges")
    }
    assert spaces["copy"] == spaces["first"]
    assert len(set(spaces.values())) == 4
    assert sememe.load(f"{first}:image").space == spaces["first"]


def test_long_texts(tmp_path):
    """In chunks all of it counts; cut off, what follows the window does not; or it is refused."""
    place = f"{small.write(tmp_path / 'clip')}:text"
    long, other = "a photo of a cat " * 20, "a photo of a cat " * 20 + "dog " * 30
    chunked = sememe.load(place)
    assert chunked.model.window == TOKENS - 2
    found = chunked.encode_with_receipt([long])
    assert found.receipt.dropped == 0 and len(found.receipt.chunks) > 1
    assert np.abs(chunked.encode([long]) - chunked.encode([other])).max() > 0.01
    cut = sememe.load(place, overflow="truncate")
    np.testing.assert_allclose(cut.encode([long]), cut.encode([other]), atol=1e-6)
    assert cut.encode_with_receipt([other]).receipt.dropped > 0
    with pytest.raises(TextTooLongError, match="at most 18 tokens"):
        sememe.load(place, overflow="error").encode([long])


def test_all_rows_are_unit_rows(tmp_path):
    texts, images = sememe.load_encoders(str(small.write(tmp_path / "clip")), threads=2)
    rows = texts.encode(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(texts.encode_one(TEXTS[1]), rows[1], atol=1e-6)
    rows = images.encode(pictures(20))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(images.encode_one(pictures()[1]), rows[1], atol=1e-6)
    found, reasons = encode_all(images, [pictures()[0], b"no picture", pictures()[1]])
    assert list(reasons) == [1] and np.isnan(found[1]).all()
    assert encode_all(images, [b"none"])[0].shape == (1, DIM)
    assert texts.encode([]).shape == images.encode([]).shape == (0, DIM)
    texts.release()
    images.release()
    np.testing.assert_array_equal(images.encode(pictures(20)), rows)
    with pytest.raises(InvalidInputError, match="names no classes"):
        images.classify(pictures())


def test_the_tokenizer_of_two_files_and_of_one(tmp_path):
    """Lower case, white space as one, words and digits apart, marks where they stand in a text."""
    place = small.write(tmp_path / "clip")
    texts = sememe.load(f"{place}:text")
    names = small.vocabulary()
    encode = texts.tokenizer.encode
    assert encode(["A  Photo\nof a CAT"]) == encode(["a photo of a cat"])
    assert encode(["cat"]) == [[names["cat</w>"]]]
    assert encode(["ca"]) == [[names["c"], names["a</w>"]]]  # the pair has no "</w>"
    assert encode(["cats"]) == [[names["ca"], names["t"], names["s</w>"]]]
    assert encode(["12"]) == [[names["1</w>"], names["2</w>"]]]
    assert encode(["a<|endoftext|>a"]) == [[names["a</w>"], WORDS - 1, names["a</w>"]]]
    assert encode(["양"]) == [[names["ìĸ"], names["ĳ</w>"]]]
    assert encode([""]) == encode([" \n"]) == [[]]
    assert encode(["\ud800"]) == encode(["\ufffd"])


@pytest.mark.parametrize("form", FORMS)
def test_a_folder_of_sentence_transformers_holds_one(form, tmp_path):
    small.write(tmp_path / "st" / "0_CLIPModel", form)
    step = {"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "a.models.CLIPModel"}
    (tmp_path / "st" / "modules.json").write_text(json.dumps([step]), encoding="utf-8")
    small.write(tmp_path / "bare", form)
    for part in ("text", "image"):
        one, two = (sememe.load(f"{tmp_path / name}:{part}") for name in ("st", "bare"))
        assert one.space == two.space and one.name.endswith(f"st:{part}")


def broken(place, change):
    """Break a folder; each way is named."""
    match change:
        case "no tokenizer":
            (place / "merges.txt").unlink()
        case "no processor":
            (place / "preprocessor_config.json").unlink()
        case "pickled":
            (place / "model.safetensors").rename(place / "pytorch_model.bin")
        case "cut off":
            data = (place / "model.safetensors").read_bytes()
            (place / "model.safetensors").write_bytes(data[: len(data) // 2])
        case "no weights":
            (place / "model.safetensors").unlink()
        case "vocab":
            (place / "vocab.json").write_text("{", encoding="utf-8")
        case "no marks":
            pieces = {x: i for x, i in small.vocabulary().items() if "start" not in x}
            (place / "vocab.json").write_text(json.dumps(pieces), encoding="utf-8")
        case "a list":
            (place / "preprocessor_config.json").write_text("[1]", encoding="utf-8")
        case "another size":
            text = (place / "preprocessor_config.json").read_text(encoding="utf-8")
            (place / "preprocessor_config.json").write_text(text.replace("24", "32"), "utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("no tokenizer", "holds no tokenizer.json, nor vocab.json with merges.txt"),
        ("no processor", "how inputs are prepared is not known.*CLIPImageProcessor"),
        ("pickled", "pytorch_model.bin, which may run code"),
        ("cut off", "model.safetensors is damaged"),
        ("no weights", "holds no model.safetensors"),
        ("vocab", "vocab.json and merges.txt cannot be read together"),
        ("no marks", r"lacks <\|startoftext\|>"),
        ("a list", "preprocessor_config.json holds no object"),
        ("another size", "made 32 pixels wide, the network reads 24"),
    ],
)
def test_a_bad_folder_is_refused_when_it_is_loaded(change, message, tmp_path):
    place = small.write(tmp_path / "clip")
    broken(place, change)
    for part in ("text", "image"):
        with pytest.raises((InvalidInputError, CorruptFileError), match=message):
            sememe.load(f"{place}:{part}")


def test_weights_and_tokenizers_that_do_not_fit_are_refused(tmp_path):
    weights = small.tensors()
    weights["text_model.encoder.layers.0.mlp.fc1.bias"][0] = np.inf
    place = small.write(tmp_path / "nan", weights=weights)
    with pytest.raises(CorruptFileError, match="fc1.bias holds NaN"):
        sememe.load(f"{place}:text")
    facts = small.config()
    facts["text_config"]["vocab_size"] = WORDS - 4
    facts["text_config"]["eos_token_id"] = 5
    with pytest.raises(CorruptFileError, match=f"has {WORDS} ids, the network {WORDS - 4}"):
        sememe.load(f"{small.write(tmp_path / 'few', facts=facts)}:text")
    facts = small.config()
    facts["text_config"]["eos_token_id"] = 5
    with pytest.raises(CorruptFileError, match="reads a text at the id 5"):
        sememe.load(f"{small.write(tmp_path / 'end', facts=facts)}:text")
    place = small.write(tmp_path / "pickled", "open_clip")
    (place / "open_clip_model.safetensors").rename(place / "open_clip_pytorch_model.bin")
    with pytest.raises(InvalidInputError, match="open_clip_pytorch_model.bin, which may run code"):
        sememe.load(f"{place}:image")


def test_a_model_of_the_hub(tmp_path):
    place = small.write(tmp_path / "clip")
    onnx_towers(place, mask=True)  # whose weights sememe runs by itself
    (place / "pytorch_model.bin").write_bytes(b"never to be fetched")
    with serving(Hub({"org/clip": {"main": place}})) as hub:
        kind, message = load_from(hub, "hf:org/clip", tmp_path)
        assert kind == "InvalidInputError" and "'hf:org/clip:text'" in message
        name, space, vector = load_from(hub, "hf:org/clip:text", tmp_path)
        local = sememe.load(f"{place}:text")
        assert (name, space) == ("hf:org/clip:text", local.space)
        np.testing.assert_allclose(vector, local.encode(["the cat"]), atol=1e-6)
        assert not any(path.endswith((".bin", ".onnx")) for _, path in hub.asked)


def test_other_forms_of_the_hub(tmp_path):
    """open_clip's has no config.json; towers of another kind come with their ONNX files."""
    open_form = small.write(tmp_path / "open", "open_clip")
    other = small.write(tmp_path / "other", facts=small.config() | {"model_type": "another"})
    onnx_towers(other, mask=True)
    folders = {"org/open": {"main": open_form}, "org/other": {"main": other}}
    with serving(Hub(folders)) as hub:
        for name, place in (("hf:org/open", open_form), ("hf:org/other", other)):
            space = load_from(hub, f"{name}:text", tmp_path)[1]
            assert space == sememe.load(f"{place}:text").space
        assert any(path.endswith("onnx/vision_model.onnx") for _, path in hub.asked)


def test_a_model_of_the_hub_that_is_none(tmp_path):
    place = checkpoints.write(tmp_path / "sentences")
    with serving(Hub({"org/name": {"main": place}})) as hub:
        for part in ("text", "image"):
            kind, message = load_from(hub, f"hf:org/name:{part}", tmp_path)
            assert kind == "InvalidInputError" and "hf:org/name is no CLIP model" in message


def onnx_towers(place, *, mask, widths=(5, 5)):
    """Towers anyone may have exported: what they give can be worked out by hand.

    A text is the mean of its tokens' rows, of those the mask lets through; a picture is its mean.
    """
    from sememe.models.onnx.builder import Graph, Port, floats, integers

    (place / "onnx").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    table = rng.normal(size=(WORDS, widths[0])).astype(np.float32)
    matrix = rng.normal(size=(3, widths[1])).astype(np.float32)
    g = Graph()
    rows = g("Gather", g.constant(table), "input_ids", axis=0)
    ports: dict[str, Port] = {"input_ids": integers("N", "T")}
    if mask:
        ports["attention_mask"] = integers("N", "T")
        axis = g.constant(np.array([2]))
        rows = g("Mul", rows, g("Unsqueeze", g("Cast", "attention_mask", to=1), axis))
    one = g.constant(np.array([1]))
    g.output("text_embeds", "ReduceSum", rows, one, keepdims=0)
    graph = g.build(ports, {"text_embeds": floats("N", widths[0])})
    (place / "onnx" / "text_model.onnx").write_bytes(graph)
    g = Graph()
    axes = g.constant(np.array([2, 3]))
    mean = g("ReduceMean", "pixel_values", axes, keepdims=0)
    g.output("image_embeds", "MatMul", mean, g.constant(matrix))
    ports = {"pixel_values": floats("N", 3, SIZE, SIZE)}
    graph = g.build(ports, {"image_embeds": floats("N", widths[1])})
    (place / "onnx" / "vision_model.onnx").write_bytes(graph)
    return table, matrix


@pytest.mark.parametrize("mask", [True, False])
def test_towers_of_another_kind_come_as_onnx_files(mask, tmp_path):
    """Without a mask the padding is read as in training: to the full length, by its own id."""
    facts = small.config() | {"model_type": "another"}
    facts["text_config"]["pad_token_id"] = 4
    place = small.write(tmp_path / "other", facts=facts)
    (place / "model.safetensors").unlink()
    table, matrix = onnx_towers(place, mask=mask)
    texts, images = sememe.load_encoders(str(place))
    some = ["a cat", "a photo of a cat"]
    for text, got in zip(some, texts.encode(some), strict=True):
        ids = [WORDS - 2, *ids_of(text), WORDS - 1]
        row = table[ids].sum(axis=0) + (0 if mask else (TOKENS - len(ids)) * table[4])
        np.testing.assert_allclose(got, row / np.linalg.norm(row), atol=1e-5)
    for picture, got in zip(pictures(), images.encode(pictures()), strict=True):
        row = ((picture / 255 - small.MEAN) / small.STD).mean(axis=(0, 1)) @ matrix
        np.testing.assert_allclose(got, row / np.linalg.norm(row), atol=1e-4)
    assert texts.space == images.space and texts.scale == pytest.approx(100)
    found, reasons = encode_all(images, [b"none"])
    assert found.shape == (1, 5) and np.isnan(found).all() and list(reasons) == [0]


def test_what_siglip_leaves_out(tmp_path):
    """Texts of 64 tokens, padded by the id 1."""
    place = small.write(tmp_path / "other", facts={"model_type": "siglip", "text_config": {}})
    table, _ = onnx_towers(place, mask=False)
    ids = [WORDS - 2, *ids_of("a cat"), WORDS - 1]
    row = table[ids].sum(axis=0) + (64 - len(ids)) * table[1]
    got = sememe.load(f"{place}:text").encode_one("a cat")
    np.testing.assert_allclose(got, row / np.linalg.norm(row), atol=1e-5)


def test_onnx_files_that_do_not_fit_are_refused(tmp_path):
    place = small.write(tmp_path / "other", facts=small.config() | {"model_type": "another"})
    onnx_towers(place, mask=True, widths=(5, 6))
    with pytest.raises(CorruptFileError, match="vectors of texts are 5 wide, of images 6"):
        sememe.load(f"{place}:text")
    (place / "onnx" / "text_model.onnx").write_bytes(b"no graph")
    with pytest.raises(CorruptFileError, match="text_model.onnx cannot be opened"):
        sememe.load(f"{place}:text")
    shutil.copy(place / "onnx" / "vision_model.onnx", place / "onnx" / "text_model.onnx")
    with pytest.raises(InvalidInputError, match="takes pixel_values; sememe gives attention_mask"):
        sememe.load(f"{place}:text")
