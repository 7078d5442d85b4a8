"""Families of text encoders, and the word vectors and networks below them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._cpus import count_cpus
from sememe._errors import InvalidInputError, UnknownNameError
from sememe._types import Encoder
from sememe.encoders.load.family import Candidate, Family, Request
from sememe.encoders.name import path_exists
from sememe.models.weights.catalog import BEST_MODEL, CATALOG, QUICK_MODEL, model_info
from sememe.models.weights.folder import ModelKind
from sememe.models.weights.glove import GLOVE

if TYPE_CHECKING:
    from collections.abc import Callable

    from sememe.encoders.text.encoder import TextEncoder
    from sememe.encoders.text.sentence import SentenceEncoder
    from sememe.encoders.text.word_tokens import Tokens
    from sememe.vectors.keyed import KeyedVectors

_REMEMBERED = 2048  # pieces of USE together with E5, which takes 25 times as long anyway


def load_vectors(name: str) -> KeyedVectors:
    """Load word vectors: of the catalogue, or from a folder or file.

    >>> load_vectors("glove-6b-50d").analogy("man", "king", "woman")[0][0]
    'queen'

    Raises:
        UnknownNameError: There are no word vectors and no file of that name.
        InvalidInputError: The name is of another model of the catalogue.
    """
    if name == GLOVE:
        from sememe.models.weights.glove import load_glove

        return load_glove()
    if name in CATALOG:
        kind = CATALOG[name].modality
        raise InvalidInputError(f"{name} encodes {kind} and holds no word vectors; give {GLOVE!r}.")
    if not path_exists(name):
        raise unknown_name(name)
    from sememe.vectors.keyed import KeyedVectors

    return KeyedVectors.load(name)


def locate_network(name: str) -> Path | None:
    """Return the folder of a network of the BERT family that goes by a name, None if none does.

    One that comes in 4-bit blocks is first written as a folder.
    """
    from sememe.encoders.text import packed

    model = Candidate(name)
    if model.info is not None and packed.FILE in model.info.files:
        return packed.unpacked_folder(model.info)
    return model.path if _is_sentence_encoder(model) else None


def unknown_name(name: str) -> UnknownNameError:
    """Return the error for a name that leads to no model."""
    error = UnknownNameError.of("model", name, CATALOG)
    return UnknownNameError(f"{error} Nor is there a folder or file of that name.")


def _open_use(request: Request) -> list[Encoder]:
    return [_load_use(request)]


def _load_use(request: Request, **options: Any) -> TextEncoder:
    """Load the quick encoder; options: of its engine."""
    from sememe.encoders.space import fingerprint_model
    from sememe.encoders.text.encoder import TextEncoder, TextModel
    from sememe.models.use.engine import UseEngine
    from sememe.models.use.weights import UseWeights
    from sememe.text.tokenizers.unigram import BOS, EOS, UNK, UnigramTokenizer

    info, threads = model_info(QUICK_MODEL), request.threads or count_cpus()
    tokenizer = UnigramTokenizer(info.read("tokenizer"))
    pooling = "sum over root of length"
    space = fingerprint_model(info, dtype="float32", pooling=pooling, normalize=True)
    model = TextModel(info.name, info.dim, 256, UNK, space, begin=(BOS,), end=(EOS,))
    weights = UseWeights(info.read("weights"), threads=threads)
    engine = UseEngine(weights, threads=threads, **options)
    return TextEncoder(model, tokenizer, engine, overflow=request.overflow)


def _is_sentence_encoder(model: Candidate) -> bool:
    if model.info is not None:
        return not {"network", "packed"}.isdisjoint(model.info.files)
    return model.holds(ModelKind.SENTENCE)


def _open_sentence_encoder(request: Request) -> list[Encoder]:
    from sememe.encoders.text import packed
    from sememe.encoders.text.sentence import load_sentence_encoder

    info, name, precision = request.model.info, request.name, request.model.name.precision
    overflow, threads = request.overflow, request.threads
    if info is not None and packed.FILE in info.files:
        best = info.name == BEST_MODEL
        load_packed = partial(
            packed.load_packed_encoder,
            info,
            name,
            overflow=overflow,
            threads=threads,
            precision=precision or "int8",
            merging=best,
        )
        return [_combine(load_packed, request) if best else load_packed()]
    int8 = precision == "int8"
    return [
        load_sentence_encoder(request.path, name, overflow=overflow, threads=threads, int8=int8)
    ]


def _combine(load_packed: Callable[[], SentenceEncoder], request: Request) -> Encoder:
    """Combine multilingual-e5-small with the quick encoder; both are loaded at the same time."""
    from sememe.encoders.text.combined import CombinedEncoder
    from sememe.models.e5.combination import read_combination

    with ThreadPoolExecutor(1) as pool:
        quick = pool.submit(_load_use, request, remembered=_REMEMBERED)
        encoder = load_packed()
    return CombinedEncoder(encoder, quick.result(), read_combination(), name=request.name)


def _open_static(request: Request) -> list[Encoder]:
    from sememe.encoders.text.static import StaticEncoder

    return [StaticEncoder.load(request.path, name=request.name)]


def _is_word_vectors(model: Candidate) -> bool:
    """Return whether a name leads to GloVe, or to any file or folder: the last family to ask."""
    known = model.name.source == GLOVE or model.folder is not None
    return known and model.name.form in (None, "pooling")


def _open_words(request: Request) -> list[Encoder]:
    from sememe.encoders.text.word_vectors import WordEncoder

    source = request.model.name.source
    vectors = load_vectors(source)
    tokens: Tokens = "words" if source == GLOVE else _read_tokenisation(Path(source))
    pooling = request.model.name.pooling or "sif"
    return [WordEncoder(vectors, name=request.name, pooling=pooling, tokens=tokens)]


def _read_tokenisation(path: Path) -> Tokens:
    """Return how the training corpus of word vectors was tokenised, if that is known."""
    from sememe.vectors.formats.folder import read_document

    if not path.is_dir():
        return "words"
    parameters = read_document(path).get("parameters")
    tokens = parameters.get("tokens") if isinstance(parameters, dict) else None
    return "whitespace" if tokens == "whitespace" else "words"


USE = Family(
    name="Universal Sentence Encoder",
    names=QUICK_MODEL,
    recognises=lambda model: model.name.source == QUICK_MODEL,
    open=_open_use,
)
STATIC = Family(
    name="static encoder",
    names="a folder that `sememe distil` or model2vec wrote",
    recognises=lambda model: model.holds(ModelKind.STATIC),
    open=_open_static,
)
SENTENCE = Family(
    name="sentence encoder",
    names="e5-use-multilingual, multilingual-e5-small, all-minilm-l6-v2, or a folder that "
    "sentence-transformers or transformers wrote (BERT, RoBERTa, XLM-R, DistilBERT, MPNet; others "
    "by their onnx/model.onnx or, with the extra `train`, by an export); :int8 computes in 8 bits, "
    "faster on many CPUs and a little less exact, :float32 in 32; the first two do the former "
    "unless told",
    recognises=_is_sentence_encoder,
    open=_open_sentence_encoder,
    form="precision",
)
WORDS = Family(
    name="word vectors",
    names="glove-6b-50d, a folder that sememe wrote, or a file of word2vec, GloVe or fastText; "
    ":sif (the default) or :mean pools words to texts",
    recognises=_is_word_vectors,
    open=_open_words,
    form="pooling",
)
