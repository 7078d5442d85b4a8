"""`sememe.load`: an encoder by its name."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.encoders.text import Overflow, TextEncoder, TextModel
from sememe.models.catalog import CATALOG, DEFAULT_MODEL, ModelInfo, model_info
from sememe.models.glove import GLOVE
from sememe.models.sentence_folder import is_sentence_folder, read_sentence_folder

if TYPE_CHECKING:
    from sememe.encoders.sentence import SentenceEncoder
    from sememe.encoders.word_split import Tokens
    from sememe.encoders.words import Pooling, WordEncoder
    from sememe.models.bert_graph import Dtype
    from sememe.vectors.keyed import KeyedVectors

_POOLINGS: dict[str, Pooling] = {":mean": "mean", ":sif": "sif"}
_INT8 = ":int8"
_PASSAGE = 128  # tokens of a passage in an index, where the window allows


def load(
    name: str = DEFAULT_MODEL, *, overflow: Overflow = "chunk", threads: int | None = None
) -> TextEncoder | WordEncoder:
    """Load an encoder, by default the multilingual one for text.

    Args:
        name: A name that `sememe models` lists; or the folder of a sentence encoder as
            sentence-transformers or transformers writes it (BERT, RoBERTa, XLM-R, DistilBERT,
            MPNet), ":int8" after it for whole numbers of 8 bits, which are quicker and a little
            less exact; or the path of word vectors, a folder that sememe wrote or a file of
            word2vec, GloVe or fastText. After word vectors, ":sif" or ":mean" says how words
            become a text; SIF unless told.
        overflow: What becomes of text longer than the encoder's window: "chunk" (all of it is
            encoded, in overlapping chunks), "truncate" (its beginning) or "error".
        threads: CPU threads for the network; all cores unless told.

    Word vectors have no window and no network: `overflow` and `threads` change nothing there.

    Raises:
        UnknownNameError: No model and no file of that name.
        InvalidInputError: `threads` below 1.
        MissingExtraError: The package that carries its weights is not installed.
        CorruptFileError: The weights are not those the catalogue means, or a file is damaged.

    >>> encoder = load()
    >>> encoder.encode(["안녕하세요", "Hello"]).shape
    (2, 512)
    """
    if threads is not None and threads < 1:
        raise InvalidInputError(f"threads={threads}; give a whole number of at least 1, or None.")
    if name == DEFAULT_MODEL:
        return _use_multilingual(model_info(name), overflow, threads or os.cpu_count() or 1)
    source = name.removesuffix(_INT8)
    dtype: Dtype = "int8" if source != name else "float32"
    if source in CATALOG and "network" in CATALOG[source].files:
        info = model_info(source)
        return _sentence_encoder(
            info.checked_path("network").parent, name, overflow, threads, dtype
        )
    if source and _exists(source) and is_sentence_folder(Path(source)):
        place = Path(source).resolve()
        name = str(place) + name[len(source) :]
        return _sentence_encoder(place, name, overflow, threads, dtype)
    return _word_encoder(name)


def load_vectors(name: str) -> KeyedVectors:
    """Load word vectors: of the catalogue, or from a folder or file.

    >>> load_vectors("glove-6b-50d").analogy("man", "king", "woman")[0][0]
    'queen'

    Raises:
        UnknownNameError: No word vectors and no file of that name.
        MissingExtraError, CorruptFileError: As `load`.
    """
    if name == GLOVE:
        from sememe.models.glove import load_glove

        return load_glove()
    if name in CATALOG:
        raise InvalidInputError(f"{name} encodes texts and holds no word vectors; give {GLOVE!r}.")
    if not name or not _exists(name):
        error = UnknownNameError.of("model", name, CATALOG)
        raise UnknownNameError(f"{error} Nor is there a folder or file of that name.")
    from sememe.vectors.keyed import KeyedVectors

    return KeyedVectors.load(name)


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except OSError:  # too long for a name
        return False


def _word_encoder(name: str) -> WordEncoder:
    from sememe.encoders.words import WordEncoder

    mark = next((mark for mark in _POOLINGS if name.endswith(mark)), "")
    source = name.removesuffix(mark)
    vectors = load_vectors(source)
    tokens: Tokens = "words"
    if source not in CATALOG:
        source = str(Path(source).resolve())
        tokens = _tokens_of(Path(source))
    pooling = _POOLINGS.get(mark, "sif")
    return WordEncoder(vectors, name=source + mark, pooling=pooling, tokens=tokens)


def _tokens_of(path: Path) -> Tokens:
    """Return how the corpus was cut that a trained model saw: texts are cut alike."""
    from sememe.vectors.folder import read_document

    if not path.is_dir():
        return "words"
    parameters = read_document(path).get("parameters")
    found = parameters.get("tokens") if isinstance(parameters, dict) else None
    return "whitespace" if found == "whitespace" else "words"


def _sentence_encoder(
    place: Path, name: str, overflow: Overflow, threads: int | None, dtype: Dtype
) -> SentenceEncoder:
    from sememe.encoders.sentence import SentenceEncoder
    from sememe.models.bert_weights import bert_weights
    from sememe.models.sentence import SentenceEngine
    from sememe.text.tokenizer_file import FileTokenizer

    folder = read_sentence_folder(place)
    tokenizer = FileTokenizer(folder.tokenizer(), prompt=folder.document_prompt)
    query = None
    if folder.query_prompt != folder.document_prompt:
        query = FileTokenizer(folder.tokenizer(), prompt=folder.query_prompt)
    engine = SentenceEngine(
        bert_weights(folder.config, folder.tensors(), where=str(place)),
        pooling=folder.pooling,
        dense=folder.dense,
        dtype=dtype,
        threads=threads,
    )
    most = min(folder.max_tokens or engine.max_tokens, engine.max_tokens)
    window = most - len(tokenizer.begin) - len(tokenizer.end)
    model = TextModel(
        name=name,
        dim=engine.dim,
        window=window,
        passage=min(_PASSAGE, window),
        overlap=min(24, window // 4),
        begin=tokenizer.begin,
        end=tokenizer.end,
        unknown=tokenizer.unknown,
        space=_digest({"v": 1, "files": folder.fingerprint(), "dtype": dtype}),
    )
    return SentenceEncoder(
        model, engine, tokenizer, overflow=overflow, query=query, pool_prompt=folder.pool_prompt
    )


def _use_multilingual(info: ModelInfo, overflow: Overflow, threads: int) -> TextEncoder:
    from sememe.models.use import UseEngine
    from sememe.models.use_weights import UseWeights
    from sememe.text.unigram import BOS, EOS, UNK, UnigramTokenizer

    tokenizer = UnigramTokenizer(info.read("tokenizer"))
    weights = UseWeights(info.read("weights"), threads=threads)
    model = TextModel(
        name=info.name,
        dim=info.dim,
        window=256,
        passage=128,
        overlap=24,
        begin=(BOS,),
        end=(EOS,),
        unknown=UNK,
        space=fingerprint(info, pooling="sum over root of length", normalize=True),
    )
    return TextEncoder(model, tokenizer, UseEngine(weights, threads=threads), overflow=overflow)


def fingerprint(info: ModelInfo, **facts: Any) -> str:
    """Return 16 hex digits of all that shapes a vector: files, dtype and the facts given."""
    shape = {
        "v": 1,
        "model": info.name,
        "files": {role: file.sha256 for role, file in sorted(info.files.items())},
        "dtype": "float32",
        **facts,
    }
    return _digest(shape)


def _digest(facts: dict[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
