"""Convert SentencePiece `.model` files to `tokenizers` objects with the same segmentation.

Reference: Kudo and Richardson 2018 (arXiv:1808.06226); the file is the protocol buffer
`sentencepiece_model.proto` of that project.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._lazy import require

_MARK = "\u2581"
_NORMAL, _UNKNOWN, _CONTROL, _USER = 1, 2, 3, 4  # types of piece
_UNIGRAM, _BPE = 1, 2  # types of model


def convert(tokenizers: Any, data: bytes, *, name: str) -> Any:
    """Return a `tokenizers.Tokenizer` that segments as the SentencePiece model does.

    Unusual text may differ: if the model normalises by NFKC, text is first composed (NFC), so that
    decomposed Hangul is read, and stacked combining marks get their canonical order; `tokenizers`
    does not join a half-width voicing mark to the preceding character, and drops a space next to
    the name of a control or user-defined piece.

    Raises CorruptFileError if it is not a SentencePiece model, InvalidInputError if its type is
    "word" or "char" or it marks the end of words, not the start.
    """
    model = _parse(data, name)
    spec = model.trainer_spec
    if spec.model_type not in (_UNIGRAM, _BPE) or spec.treat_whitespace_as_suffix:
        raise InvalidInputError(
            f"{name} is a SentencePiece model of a kind that is not read; allowed: unigram and bpe "
            "with the mark before the word. Train another: --model_type=unigram."
        )
    build = _unigram if spec.model_type == _UNIGRAM else _bpe
    tokenizer = tokenizers.Tokenizer(build(tokenizers, model))
    _set_pipeline(tokenizers, tokenizer, model)
    for kind, special in ((_UNKNOWN, True), (_CONTROL, True), (_USER, False)):
        names = [piece.piece for piece in model.pieces if piece.type == kind]
        tokens = [tokenizers.AddedToken(n, normalized=False, special=special) for n in names]
        add = tokenizer.add_special_tokens if special else tokenizer.add_tokens
        add(tokens)
    return tokenizer


def _parse(data: bytes, name: str) -> Any:
    proto = require("sentencepiece.sentencepiece_model_pb2", "reading a SentencePiece model")
    message = require("google.protobuf.message", "reading a SentencePiece model")
    model = proto.ModelProto()
    with suppress(message.DecodeError):
        model.ParseFromString(data)
        if any(piece.type == _UNKNOWN for piece in model.pieces):
            return model
    raise CorruptFileError(
        f"{name} is neither a tokenizer.json nor a SentencePiece .model file. Fetch or save it "
        "again."
    )


def _unigram(tokenizers: Any, model: Any) -> Any:
    pieces = [(piece.piece, piece.score) for piece in model.pieces]
    unknown = next(i for i, piece in enumerate(model.pieces) if piece.type == _UNKNOWN)
    return tokenizers.models.Unigram(
        pieces, unk_id=unknown, byte_fallback=model.trainer_spec.byte_fallback
    )


def _bpe(tokenizers: Any, model: Any) -> Any:
    """Rebuild the merges: every pair of pieces that makes a piece, highest score first."""
    ids = {piece.piece: i for i, piece in enumerate(model.pieces)}
    unknown = next(piece.piece for piece in model.pieces if piece.type == _UNKNOWN)
    merges = []
    for piece in (piece for piece in model.pieces if piece.type == _NORMAL):
        text = piece.piece
        halves = ((text[:cut], text[cut:]) for cut in range(1, len(text)))
        pairs = [(left, right) for left, right in halves if left in ids and right in ids]
        pairs.sort(key=lambda pair: (ids[pair[0]], ids[pair[1]]))
        merges += [(-piece.score, pair) for pair in pairs]
    merges.sort(key=lambda merge: merge[0])  # stable: ties in the order of the ids
    ranked, fallback = [pair for _, pair in merges], model.trainer_spec.byte_fallback
    return tokenizers.models.BPE(
        vocab=ids, merges=ranked, unk_token=unknown, fuse_unk=True, byte_fallback=fallback
    )


def _set_pipeline(tokenizers: Any, tokenizer: Any, model: Any) -> None:
    """Set normalizer, pre-tokenizer and decoder."""
    spec = model.normalizer_spec
    steps = []
    if spec.precompiled_charsmap:
        if "nfkc" in spec.name:  # `Precompiled` ignores decomposed Hangul
            steps.append(tokenizers.normalizers.NFC())
        steps.append(tokenizers.normalizers.Precompiled(spec.precompiled_charsmap))
    if spec.remove_extra_whitespaces:
        steps.append(tokenizers.normalizers.Replace(tokenizers.Regex(" {2,}"), " "))
        steps.append(tokenizers.normalizers.Strip())
    if steps:
        tokenizer.normalizer = tokenizers.normalizers.Sequence(steps)
    scheme = "always" if spec.add_dummy_prefix else "never"
    split = model.trainer_spec.split_by_whitespace
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace(_MARK, scheme, split)
    after = tokenizers.decoders.Metaspace(_MARK, scheme, split)
    if model.trainer_spec.byte_fallback:
        after = tokenizers.decoders.Sequence([tokenizers.decoders.ByteFallback(), after])
    tokenizer.decoder = after
