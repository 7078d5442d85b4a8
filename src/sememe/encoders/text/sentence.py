"""Sentence encoders of the BERT family: vectors of whole texts, of queries and of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe._types import FloatArray
from sememe.encoders.space import fingerprint_space
from sememe.encoders.text.encoder import (
    Overflow,
    TextEncoder,
    TextModel,
    Tokenizer,
    check_texts,
)
from sememe.text.tokenizers.tokenizer_file import FileTokenizer, Pieces

if TYPE_CHECKING:
    from sememe.models.bert.engine import SentenceEngine
    from sememe.models.bert.folder import SentenceFolder
    from sememe.models.bert.onnx_engine import OnnxEngine
    from sememe.models.onnx.transformer import Products


class PromptTokenizer(Tokenizer, Protocol):
    """A tokenizer that puts a prompt before every text; see `FileTokenizer`."""

    marks: int
    begin: tuple[int, ...]
    end: tuple[int, ...]
    unknown: int

    def encode_marked(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's ids with special tokens and prompt."""

    def pieces(self, text: str) -> Pieces:
        """Return a text's pieces with their spans, without special tokens and prompt."""

    def names(self, ids: Sequence[int]) -> list[str]:
        """Return the pieces as written in the vocabulary."""


@dataclass(frozen=True, eq=False, slots=True)
class TokenVectors:
    """Contextual vectors of a text's tokens.

    Attributes:
        text: The text.
        tokens: Names of the tokens in the vocabulary ("##ing").
        spans: (n, 2), characters start to end of each token in the text.
        words: (n,), index of the word that each token is a piece of; -1 for none.
        vectors: (n, dim) float32 states of the network, not normalised.
    """

    text: str
    tokens: list[str]
    spans: NDArray[np.int64]
    words: NDArray[np.int64]
    vectors: FloatArray

    def word_vectors(self) -> tuple[list[str], FloatArray]:
        """Return the words of the text, and the (n, dim) means of their tokens."""
        names, rows = [], []
        for word in np.unique(self.words[self.words >= 0]).tolist():
            own = np.flatnonzero(self.words == word)
            names.append(self.text[self.spans[own, 0].min() : self.spans[own, 1].max()])
            rows.append(self.vectors[own].mean(axis=0))
        return names, np.stack(rows) if rows else np.empty((0, self.vectors.shape[1]), np.float32)

    def at(self, word: str) -> FloatArray:
        """Return the (dim,) mean of the tokens of the first occurrence of `word`.

        Raises:
            InvalidInputError: The text does not contain it.
        """
        start = self.text.find(word)
        own = (self.spans[:, 0] < start + len(word)) & (self.spans[:, 1] > start)
        if start < 0 or not own.any():
            raise InvalidInputError(f"{word!r} does not occur in {self.text[:80]!r}.")
        mean: FloatArray = self.vectors[own].mean(axis=0)
        return mean


class SentenceEncoder(TextEncoder):
    """A text encoder that also gives vectors of tokens, and has prompts for queries and documents.

    `encode_query` and `encode_document` prepend the model's prompts, where it has some. `encode`
    prepends the one for documents, or that for texts to be compared with each other, if the model
    has one ("query: " in E5). Texts longer than the window are treated as in TextEncoder.
    """

    def __init__(
        self,
        model: TextModel,
        engine: SentenceEngine | OnnxEngine,
        tokenizer: PromptTokenizer,
        *,
        overflow: Overflow,
        query: PromptTokenizer | None = None,
        document: PromptTokenizer | None = None,
        document_network: SentenceEngine | None = None,
        pool_prompt: bool = True,
    ) -> None:
        """Take the network, the tokenizer, and those of queries and documents if they differ.

        document_network: Of documents, if that differs, too; they then have a tokenizer.
        pool_prompt: Whether the tokens of a prompt are pooled with those of the text.
        """
        super().__init__(model, tokenizer, engine, overflow=overflow)
        self.network = engine
        self._pieces = tokenizer
        self._query_tokenizer = query
        self._document_tokenizer = document
        self._document_network = document_network
        self._pool_prompt = pool_prompt

    def _forward(self, ids: Sequence[Sequence[int]]) -> FloatArray:
        begin, marks = len(self._pieces.begin), self._pieces.marks
        skip = 0 if self._pool_prompt or begin == marks else begin  # a prompt and its marks
        return self.network.forward(ids, skip=skip)

    def encode_query(
        self, items: Sequence[str], *, batch_size: int | None = None, show_progress: bool = False
    ) -> FloatArray:
        """Return (n, dim) float32, one unit row for each query, with the prompt for queries."""
        encoder = self._queries or self
        return encoder.encode(items, batch_size=batch_size, show_progress=show_progress)

    @property
    def documents(self) -> SentenceEncoder:
        """The encoder of what is searched."""
        return self._documents or self

    def encode_tokens(
        self, texts: Sequence[str], *, layers: Sequence[int] | None = None
    ) -> list[TokenVectors]:
        """Return each text's tokens with their contextual vectors (Devlin et al. 2019, 5.3).

        A text longer than the network's window is read in windows that overlap by half; a token
        takes its vector from the window in which it is farthest from the edge.

        layers: Layers whose states are averaged, 0 being the embeddings; the last by default.

        Raises:
            InvalidInputError: An item is not a str, or there is no such layer.
        """
        texts = check_texts(texts)
        return [self._encode_pieces(text, self._pieces.pieces(text), layers) for text in texts]

    def _encode_pieces(
        self, text: str, pieces: Pieces, layers: Sequence[int] | None
    ) -> TokenVectors:
        begin, end = self._pieces.begin[: self._pieces.marks], self._pieces.end
        size = self.network.max_tokens - len(begin) - len(end)
        n = len(pieces.ids)
        starts = list(range(0, max(n - size, 0), max(size // 2, 1))) + [max(n - size, 0)]
        windows = [pieces.ids[start : start + size] for start in starts]
        states = self.network.states([[*begin, *ids, *end] for ids in windows], layers=layers)
        vectors = np.empty((n, states[0].shape[1]), np.float32)
        depth = np.full(n, -1)  # (n,) largest distance from a window's edge so far
        for start, ids, rows in zip(starts, windows, states, strict=True):
            index = np.arange(len(ids))
            before = index if start else np.full(len(ids), n)
            after = len(ids) - 1 - index if start + len(ids) < n else n
            inward = np.minimum(before, after)
            better = inward > depth[start : start + len(ids)]
            at = start + np.flatnonzero(better)
            vectors[at] = rows[len(begin) : len(begin) + len(ids)][better]
            depth[at] = inward[better]
        names = self._pieces.names(pieces.ids)
        return TokenVectors(text, names, pieces.spans, pieces.words, vectors)

    @cached_property
    def _queries(self) -> SentenceEncoder | None:
        return self._with_tokenizer(self._query_tokenizer, self.network)

    @cached_property
    def _documents(self) -> SentenceEncoder | None:
        network = self._document_network or self.network
        return self._with_tokenizer(self._document_tokenizer, network)

    def release(self) -> None:
        """Free memory that only makes the next encode faster."""
        super().release()
        if self._document_network is not None:
            self._document_network.release()

    def _with_tokenizer(
        self, tokenizer: PromptTokenizer | None, network: SentenceEngine | OnnxEngine
    ) -> SentenceEncoder | None:
        """Return this encoder with another tokenizer's prompt and a network, if there is one."""
        if tokenizer is None:
            return None  # not self, a cycle that would keep the network until it is collected
        model = self.model.replace_marks(tokenizer.begin, tokenizer.end)
        overflow, pooled = self.overflow, self._pool_prompt
        return SentenceEncoder(model, network, tokenizer, overflow=overflow, pool_prompt=pooled)


def load_sentence_encoder(
    path: Path, name: str, *, overflow: Overflow, threads: int | None, int8: bool
) -> SentenceEncoder:
    """Load the encoder in a folder; see `sememe.load`."""
    from sememe.models.bert.calibrate import INT8
    from sememe.models.bert.folder import read_sentence_folder

    folder = read_sentence_folder(path)
    tokenizer = FileTokenizer(folder.tokenizer(), prompt=folder.prompt)
    query, document = (
        tokenizer.with_prompt(prompt) if prompt != folder.prompt else None
        for prompt in (folder.query_prompt, folder.document_prompt)
    )
    engine, key = _open_engine(folder, tokenizer, threads=threads, int8=int8)
    model = describe_model(
        name,
        tokenizer,
        dim=engine.dim,
        limit=min(folder.max_tokens or engine.max_tokens, engine.max_tokens),
        space=fingerprint_space(v=1, files=key, dtype=INT8 if int8 else "float32"),
    )
    return SentenceEncoder(
        model,
        engine,
        tokenizer,
        overflow=overflow,
        query=query,
        document=document,
        pool_prompt=folder.pool_prompt,
    )


def describe_model(
    name: str,
    tokenizer: PromptTokenizer,
    *,
    dim: int,
    limit: int,
    space: str,
    passage: int = 128,
) -> TextModel:
    """Return the description of an encoder that reads `limit` tokens, special ones included."""
    window = limit - len(tokenizer.begin) - len(tokenizer.end)
    return TextModel(
        name=name,
        dim=dim,
        window=window,
        passage=min(passage, window),
        overlap=min(24, window // 4),
        begin=tokenizer.begin,
        end=tokenizer.end,
        unknown=tokenizer.unknown,
        space=space,
    )


def _open_engine(
    folder: SentenceFolder, tokenizer: FileTokenizer, *, threads: int | None, int8: bool
) -> tuple[SentenceEngine | OnnxEngine, str]:
    """Return the engine of a folder's network, and the fingerprint of its files."""
    from sememe.models.bert.calibrate import calibrate_int8
    from sememe.models.bert.engine import SentenceEngine
    from sememe.models.bert.onnx_engine import find_onnx_files
    from sememe.models.bert.weights import ARCHITECTURES, read_bert_weights
    from sememe.models.onnx.transformer import in_float32

    onnx = find_onnx_files(folder.network, int8=int8)
    known = folder.config.get("model_type") in ARCHITECTURES
    if not known or (onnx and not any(folder.network.glob("*.safetensors"))):
        return _open_onnx(folder, onnx, threads=threads, int8=int8)
    where = str(folder.path)
    weights = read_bert_weights(folder.config, folder.tensors(), where=where)
    key = folder.fingerprint()
    products: Products = in_float32
    if int8:
        products = calibrate_int8(weights, tokenizer.encode_marked, key=key, pooling=folder.pooling)
    engine = SentenceEngine(
        weights, pooling=folder.pooling, dense=folder.dense, products=products, threads=threads
    )
    return engine, key


def _open_onnx(
    folder: SentenceFolder, files: list[Path], *, threads: int | None, int8: bool
) -> tuple[OnnxEngine, str]:
    """Open the ONNX file of a folder, or one that is exported from it."""
    from sememe.models.bert.onnx_engine import OnnxEngine
    from sememe.models.onnx.export import export_network

    where = str(folder.path)
    if int8 and not files:
        raise InvalidInputError(
            f"{where} is of the type {folder.config.get('model_type')!r}, for which sememe makes "
            "no int8 form, and has no onnx/model_quantized.onnx. Leave :int8 out"
        )
    key = folder.fingerprint(files or None)
    file = files[0] if files else export_network(folder.network, key=key, where=where)
    pooling, dense = folder.pooling, folder.dense
    engine = OnnxEngine(
        file, where=where, config=folder.config, pooling=pooling, dense=dense, threads=threads
    )
    return engine, key
