"""multilingual-e5-small, read from its file in 4-bit blocks.

Its prompts are those of its card: "query: " for what is searched for, and for texts that are
compared with each other; "passage: " for what is searched.

Reference: Wang et al. 2024 (arXiv:2402.05672).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sememe.encoders.space import fingerprint_model
from sememe.encoders.text.encoder import Overflow
from sememe.encoders.text.sentence import SentenceEncoder, describe_model

if TYPE_CHECKING:
    from sememe.encoders.name import Precision
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
    info: ModelInfo, name: str, *, overflow: Overflow, threads: int | None, precision: Precision
) -> SentenceEncoder:
    """Load a model of the catalogue; see `sememe.load`."""
    from sememe.models.bert.calibrate import INT8, calibrate_int8
    from sememe.models.bert.engine import SentenceEngine
    from sememe.models.e5.file import PackedFile
    from sememe.models.e5.weights import read_packed_weights
    from sememe.models.onnx.transformer import in_float32
    from sememe.text.tokenizers.piece_table import PieceTokenizer

    file = PackedFile(info.check_path(FILE))
    weights = read_packed_weights(file)
    tokenizer = PieceTokenizer(file.pieces, prompt=QUERY)
    documents = tokenizer.with_prompt(DOCUMENT)
    products: Products = in_float32
    dtype: str = precision
    if precision == "int8":
        key, dtype = info.files[FILE].sha256[:32], INT8
        products = calibrate_int8(weights, documents.encode_marked, key=key)
    engine = SentenceEngine(weights, products=products, threads=threads)
    model = describe_model(
        name,
        tokenizer,
        dim=engine.dim,
        limit=engine.max_tokens,
        passage=_PASSAGE,
        space=fingerprint_model(info, dtype=dtype, pooling="mean", prompts=[QUERY, DOCUMENT]),
    )
    encoder = SentenceEncoder(model, engine, tokenizer, overflow=overflow, document=documents)
    encoder.usual_similarity = _USUAL
    return encoder
