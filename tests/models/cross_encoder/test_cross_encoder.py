"""The network of a cross-encoder with its head: against plain NumPy, and checkpoints that lack."""

from __future__ import annotations

import re

import numpy as np
import pytest

from sememe import CorruptFileError, InvalidInputError
from sememe.models.bert.weights import read_bert_weights
from sememe.models.cross_encoder.engine import CrossEngine
from sememe.models.cross_encoder.folder import read_cross_folder
from sememe.models.cross_encoder.head import read_classification_head
from sememe.models.weights.folder import ModelFolder, ModelKind
from tests.models.bert import checkpoints
from tests.models.bert.checkpoints import DIM, POSITIONS
from tests.models.cross_encoder import checkpoints as cross_checkpoints
from tests.models.cross_encoder.checkpoints import KINDS

IDS = [[2, 5, 9, 3, 7, 3], [2, 3, 3], [2, *range(5, 30), 3, 8, 3], [7], [2, 5, 9, 3, 7, 3]]
TYPES = [[0, 0, 0, 0, 1, 1], [0, 0, 1], [*[0] * 27, 1, 1], [0], [0] * 6]


def made(kind="bert", outputs=1, found=None, **options):
    found = found or cross_checkpoints.tensors(kind, outputs)
    config = cross_checkpoints.config(kind, outputs)
    weights = read_bert_weights(config, found, where="made")
    head = read_classification_head(config, found, dim=weights.dim, where="made")
    return CrossEngine(weights, head, threads=2, **options), found


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_those_of_the_plain_network(kind, outputs):
    engine, found = made(kind, outputs)
    got = engine.forward(IDS, TYPES)
    assert got.shape == (len(IDS), outputs) and got.dtype == np.float32
    for row, ids, types in zip(got, IDS, TYPES, strict=True):
        np.testing.assert_allclose(
            row, cross_checkpoints.plainly(kind, found, ids, types), atol=2e-5
        )


def test_types_count_where_a_network_has_them():
    """The same ids with other types: BERT tells them apart, unless it is told not to."""
    engine, _ = made("bert")
    first, last = engine.forward(IDS, TYPES)[[0, 4], 0]
    assert abs(first - last) > 0.01
    for engine, _ in (made("bert", typed=False), made("distilbert"), made("mpnet")):
        scores = engine.forward(IDS, TYPES)
        assert scores[0, 0] == pytest.approx(scores[4, 0], abs=1e-5)


def test_a_head_by_hand():
    """No layers, dim 2. The first token, [3, 1], is normalised to [1, -1]; the pooler leaves it,
    tanh makes [0.761594, -0.761594], and 2 and 0.5 times these and 0.1 are 1.242391."""
    eye, none = np.eye(2, dtype=np.float32), np.zeros(2, np.float32)
    found = {
        "bert.embeddings.word_embeddings.weight": np.array([[3, 1], [7, 7]], np.float32),
        "bert.embeddings.position_embeddings.weight": np.zeros((4, 2), np.float32),
        "bert.embeddings.LayerNorm.weight": np.ones(2, np.float32),
        "bert.embeddings.LayerNorm.bias": none,
        "bert.pooler.dense.weight": eye,
        "bert.pooler.dense.bias": none,
        "classifier.weight": np.array([[2, 0.5]], np.float32),
        "classifier.bias": np.array([0.1], np.float32),
    }
    config = cross_checkpoints.config(
        "bert", hidden_size=2, num_hidden_layers=0, num_attention_heads=1, vocab_size=2,
        max_position_embeddings=4, layer_norm_eps=1e-12,
    )  # fmt: skip
    weights = read_bert_weights(config, found, where="made")
    head = read_classification_head(config, found, dim=2, where="made")
    got = CrossEngine(weights, head).forward([[0, 1]], [[0, 0]])
    np.testing.assert_allclose(got, [[1.242391]], atol=1e-6)


def test_a_pair_does_not_feel_its_batch():
    engine, _ = made()
    rng = np.random.default_rng(0)
    many = [rng.integers(5, 60, size=n).tolist() for n in rng.integers(1, POSITIONS + 1, size=80)]
    types = [[int(2 * i > len(ids)) for i in range(len(ids))] for ids in many]
    together = engine.forward(many, types)
    order = rng.permutation(len(many))
    shuffled = engine.forward([many[i] for i in order], [types[i] for i in order])
    np.testing.assert_allclose(shuffled, together[order], atol=1e-5)
    alone = [engine.forward([ids], [row])[0] for ids, row in zip(many, types, strict=True)]
    np.testing.assert_allclose(alone, together, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_without_a_head_says_what_to_use(kind):
    found = checkpoints.tensors(kind)
    with pytest.raises(InvalidInputError, match=r"no head .* type sememe.load\('made'\)"):
        read_classification_head(cross_checkpoints.config(kind), found, dim=DIM, where="made")


def test_bert_without_its_pooler_is_refused():
    found = cross_checkpoints.tensors("bert")
    del found["bert.pooler.dense.weight"]
    with pytest.raises(CorruptFileError, match=r"lacks the tensor pooler\.dense\.weight"):
        made(found=found)


@pytest.mark.parametrize("place", ["weight", "bias"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_head_of_nan_or_of_another_shape_is_refused(kind, place):
    for name in cross_checkpoints.head_names(kind):
        found = cross_checkpoints.tensors(kind)
        found[f"{name}.{place}"] = found[f"{name}.{place}"] * np.nan
        with pytest.raises(CorruptFileError, match="holds NaN"):
            made(kind, found=found)
        found[f"{name}.{place}"] = np.zeros((5, *found[f"{name}.{place}"].shape[1:]), np.float32)
        with pytest.raises(CorruptFileError, match="has shape"):
            made(kind, found=found)


def test_sequences_beyond_the_positions_are_refused():
    engine, _ = made()
    long = [2] * (POSITIONS + 1)
    with pytest.raises(InvalidInputError, match=f"positions for 1 to {POSITIONS}"):
        engine.forward([long], [long])


SIGMOID, IDENTITY = "torch.nn.modules.activation.Sigmoid", "torch.nn.modules.linear.Identity"


@pytest.mark.parametrize(
    ("inside", "beside", "expected"),
    [
        ({}, {}, "sigmoid"),
        ({"sbert_ce_default_activation_function": IDENTITY}, {}, "identity"),
        ({"sentence_transformers": {"activation_fn": IDENTITY}}, {}, "identity"),
        ({}, {"activation_fn": IDENTITY}, "identity"),
        ({"sentence_transformers": {"activation_fn": IDENTITY}}, {"activation_fn": SIGMOID},
         "sigmoid"),
        ({"sentence_transformers": {"activation_fn": SIGMOID},
          "sbert_ce_default_activation_function": IDENTITY}, {}, "sigmoid"),
    ],
)  # fmt: skip
def test_what_becomes_of_a_score_is_read_where_each_version_writes_it(
    tmp_path, inside, beside, expected
):
    files = {"config_sentence_transformers.json": beside}
    folder = cross_checkpoints.write(tmp_path / "m", files=files, **inside)
    assert read_cross_folder(folder).activation == expected


def test_an_activation_of_one_s_own_is_refused(tmp_path):
    folder = cross_checkpoints.write(
        tmp_path / "m", sentence_transformers={"activation_fn": "my.code.Twice"}
    )
    with pytest.raises(InvalidInputError, match=r"'my.code.Twice'; sememe computes sigmoid"):
        read_cross_folder(folder)


@pytest.mark.parametrize(
    ("files", "window"),
    [
        ({}, POSITIONS),
        ({"tokenizer_config.json": {"model_max_length": 12}}, 12),
        ({"tokenizer_config.json": {"model_max_length": 10**30}}, POSITIONS),
        ({"tokenizer_config.json": {"model_max_length": 12},
          "sentence_bert_config.json": {"max_seq_length": 9}}, 9),
    ],
)  # fmt: skip
def test_the_window(tmp_path, files, window):
    assert read_cross_folder(cross_checkpoints.write(tmp_path / "m", files=files)).window == window


NAMES = ["input_ids", "token_type_ids"]


def test_a_tokenizer_that_gives_no_types_is_heeded(tmp_path):
    names = {"model_input_names": ["input_ids", "attention_mask"]}
    folder = cross_checkpoints.write(tmp_path / "m", files={"tokenizer_config.json": names})
    assert not read_cross_folder(folder).typed
    assert read_cross_folder(cross_checkpoints.write(tmp_path / "n")).typed
    for number, (said, typed) in enumerate(
        [
            ({"tokenizer_class": "BertTokenizer"}, True),
            ({"tokenizer_class": "TokenizersBackend"}, False),
            (
                {"tokenizer_class": "TokenizersBackend", "model_input_names": ["token_type_ids"]},
                True,
            ),
        ]
    ):
        files = {"tokenizer_config.json": said}
        folder = cross_checkpoints.write(tmp_path / str(number), files=files)
        assert read_cross_folder(folder).typed is typed


@pytest.mark.parametrize("named", [{"0": "a", "7": "b"}, {"x": "a", "1": "b"}])
def test_labels_that_do_not_name_the_outputs_are_refused(tmp_path, named):
    folder = cross_checkpoints.write(tmp_path / "m", outputs=2, id2label=named)
    with pytest.raises(CorruptFileError, match="does not name the labels 0 to 1"):
        read_cross_folder(folder)


def test_another_number_of_labels_than_the_head_has_is_refused(tmp_path):
    folder = cross_checkpoints.write(
        tmp_path / "m", found=cross_checkpoints.tensors("bert", 3), outputs=2
    )
    with pytest.raises(CorruptFileError, match=re.escape("classifier.weight has shape (3, 16)")):
        read_cross_folder(folder)


def is_cross_encoder(path):
    return ModelFolder.open(path).kind is ModelKind.CROSS_ENCODER


def test_which_folders_are_cross_encoders(tmp_path):
    step = {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}
    assert is_cross_encoder(cross_checkpoints.write(tmp_path / "bare"))
    new = cross_checkpoints.write(tmp_path / "new", files={"modules.json": [step]})
    assert is_cross_encoder(new)
    pooling, names = {"pooling_mode": "mean"}, ["NetForSequenceClassification"]
    pooled = checkpoints.write(tmp_path / "pooled", pooling=pooling, architectures=names)
    assert not is_cross_encoder(pooled)
    assert not is_cross_encoder(checkpoints.write(tmp_path / "encoder"))
    for other in (tmp_path / "no", tmp_path / "bare" / "config.json", tmp_path / ("x" * 999)):
        assert not is_cross_encoder(other)
