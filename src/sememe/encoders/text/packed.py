"""multilingual-e5-small, read from its file in 4-bit blocks.

Its prompts are those of its card: "query: " for what is searched for, and for texts that are
compared with each other; "passage: " for what is searched.

Reference: Wang et al. 2024 (arXiv:2402.05672).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sememe.encoders.space import fingerprint_model
from sememe.encoders.text.encoder import Overflow
from sememe.encoders.text.sentence import SentenceEncoder, describe_model

if TYPE_CHECKING:
    from sememe.encoders.name import Precision
    from sememe.models.bert.calibrate import Encode
    from sememe.models.bert.engine import SentenceEngine
    from sememe.models.bert.merging import Merging
    from sememe.models.bert.weights import BertWeights
    from sememe.models.onnx.transformer import Products
    from sememe.models.weights.catalog import ModelInfo

FILE = "packed"  # the role of the file in the catalogue
_PASSAGE = 256  # tokens: 128 find no more, and make twice as many rows
_USUAL = (0.79, 0.02)  # of cosines: questions and passages of SciFact
QUERY, DOCUMENT = "query: ", "passage: "


def unpacked_folder(info: ModelInfo) -> Path:
    """Return a folder of the model that training can start from; it is written when first asked."""
    from sememe.models.e5 import folder

    path, key = info.check_path(FILE), info.files[FILE].sha256
    prompts = {"query": QUERY, "document": DOCUMENT}
    return folder.unpacked_folder(path, name=info.name, key=key, prompts=prompts)


def load_packed_encoder(
    info: ModelInfo,
    name: str,
    *,
    overflow: Overflow,
    threads: int | None,
    precision: Precision,
    merging: bool = False,
) -> SentenceEncoder:
    """Load a model of the catalogue; see `sememe.load`.

    merging: Whether the network of documents merges tokens, which halves the time of long ones.
    """
    from sememe.models.bert.calibrate import INT8
    from sememe.models.e5.file import PackedFile
    from sememe.models.e5.passage_network import MERGING, adapt_to_merging, digest
    from sememe.models.e5.weights import read_packed_weights
    from sememe.text.tokenizers.piece_table import PieceTokenizer

    file = PackedFile(info.check_path(FILE))
    weights, key = read_packed_weights(file), info.files[FILE].sha256[:32]
    tokenizer = PieceTokenizer(file.pieces, prompt=QUERY)
    document = tokenizer.with_prompt(DOCUMENT)
    open_engine = partial(_open_engine, threads=threads)
    if precision == "int8":
        open_engine = partial(open_engine, encode=document.encode_marked)
    engine = open_engine(weights, key=key)
    network, facts = None, {}
    if merging:
        facts = {"merging": [*MERGING.layers, MERGING.divisor, MERGING.kept], "changes": digest()}
        key = f"{key[:16]}{digest()}"
        network = open_engine(adapt_to_merging(weights), key=key, merging=MERGING)
    dtype, prompts = INT8 if precision == "int8" else precision, [QUERY, DOCUMENT]
    space = fingerprint_model(info, dtype=dtype, pooling="mean", prompts=prompts, **facts)
    limit = engine.max_tokens
    model = describe_model(
        name, tokenizer, dim=engine.dim, limit=limit, passage=_PASSAGE, space=space
    )
    encoder = SentenceEncoder(
        model,
        engine,
        tokenizer,
        overflow=overflow,
        document=document,
        document_network=network,
    )
    encoder.usual_similarity = _USUAL
    return encoder


def _open_engine(
    weights: BertWeights,
    *,
    key: str,
    threads: int | None,
    encode: Encode | None = None,
    merging: Merging | None = None,
) -> SentenceEngine:
    """Open the engine of a network; encode: if given, of sample texts, for its int8 form."""
    from sememe.models.bert.calibrate import calibrate_int8
    from sememe.models.bert.engine import SentenceEngine
    from sememe.models.onnx.transformer import in_float32

    products: Products = in_float32
    if encode is not None:
        products = calibrate_int8(weights, encode, key=key)
    return SentenceEngine(weights, products=products, merging=merging, threads=threads)
