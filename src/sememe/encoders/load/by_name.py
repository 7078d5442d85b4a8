"""`sememe.load`: an encoder by its name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, overload

from sememe._errors import InvalidInputError
from sememe._types import Modality
from sememe.encoders.base import BaseEncoder, as_encoder, check_threads
from sememe.encoders.load.families import Resolved, resolve
from sememe.encoders.load.family import Request
from sememe.encoders.name import ModelName
from sememe.encoders.text.encoder import Overflow, TextEncoder
from sememe.models.weights.catalog import default_model

_PLURAL = {"text": "texts", "image": "images", "audio": "audio"}


@overload
def load(
    name: Literal["multilingual-e5-small", "use-multilingual-v3"],
    *,
    overflow: Overflow = ...,
    threads: int | None = ...,
) -> TextEncoder: ...


@overload
def load(
    name: str | None = ..., *, overflow: Overflow = ..., threads: int | None = ...
) -> BaseEncoder: ...


def load(
    name: str | None = None, *, overflow: Overflow = "chunk", threads: int | None = None
) -> BaseEncoder:
    """Load an encoder, by default the multilingual one for text.

    Args:
        name: A name that `sememe models` lists, a path, or hf:org/name[@revision] from the hub; see
            below.
        overflow: Treatment of texts longer than the encoder's window: "chunk" (all of it is
            encoded, in overlapping chunks), "truncate" (its beginning) or "error". Word vectors and
            static encoders have no window.
        threads: CPU threads for the network; all cores by default.

    Names, by family:

    - Universal Sentence Encoder: use-multilingual-v3
    - sentence encoder: e5-use-multilingual, multilingual-e5-small, all-minilm-l6-v2, or a folder
      that sentence-transformers or transformers wrote (BERT, RoBERTa, XLM-R, DistilBERT, MPNet;
      others by their onnx/model.onnx or, with the extra `train`, by an export); :int8 computes in 8
      bits, faster on many CPUs and a little less exact, :float32 in 32; the first two do the former
      unless told
    - static encoder: a folder that `sememe distil` or model2vec wrote
    - word vectors: glove-6b-50d, a folder that sememe wrote, or a file of word2vec, GloVe or
      fastText; :sif (the default) or :mean pools words to texts
    - image encoder: efficientnet-lite0, a folder that sememe wrote, a checkpoint of timm or a file
      of torchvision's weights (exported once, with the extra `train`)
    - image structure encoder: image-structure, which tells versions of one picture from other
      pictures
    - image encoder in a text space: an image encoder with ImageNet's classes and :conse, for the
      space of the default text encoder, or :conse:NAME for another's
    - classifier of everyday sounds: everyday-sounds; everyday-sounds:conse in the space of the
      default text encoder, or :conse:NAME in another's
    - audio statistics encoder: mel-statistics, or a folder that `sememe train mel-statistics` wrote
    - speech network: a folder of wav2vec 2.0 or HuBERT that transformers wrote; :layer6 takes the
      states of layer 6, not the last
    - CLIP model: a folder that transformers or open_clip wrote, or one with ONNX files of both
      towers; :text or :image
    - CLAP model: a folder that transformers wrote; :text or :audio
    - joint space: a folder that `sememe train clip` wrote; :text or :image

    Raises:
        UnknownNameError: No model and no file of that name.
        InvalidInputError: `threads` below 1, a model that is no encoder, or one of two encoders
            when the name means both.
        MissingExtraError: The package that carries the weights is not installed.
        CorruptFileError: The weights are not those of the catalogue, or a file is damaged.
        OSError: A model of the hub that is not on this machine, and no connection to the hub.

    >>> encoder = load()
    >>> encoder.encode(["안녕하세요", "Hello"]).shape
    (2, 512)
    """
    return _load(name, None, overflow=overflow, threads=threads)


def load_text(
    name: str | None = None, *, overflow: Overflow = "chunk", threads: int | None = None
) -> BaseEncoder:
    """Load a text encoder; see `load`. InvalidInputError for one of another modality."""
    return _load(name, "text", overflow=overflow, threads=threads)


def load_encoders(
    name: str | None = None,
    *,
    overflow: Overflow = "chunk",
    threads: int | None = None,
    loaded: Iterable[BaseEncoder] = (),
) -> list[BaseEncoder]:
    """Load all encoders of a model: two, texts first, of one with a joint space, else one.

    loaded: Encoders in memory, used where one is built on another of that name. Errors are those
    of `load`.

    >>> [encoder.modality for encoder in load_encoders()]
    ['text']
    """
    check_threads(threads)
    resolved = resolve(default_model() if name is None else name)
    return _open(resolved, overflow, threads, list(loaded))


def load_pair(name: str, *, threads: int | None = None) -> tuple[BaseEncoder, BaseEncoder]:
    """Load an encoder of images or audio, and the text encoder that shares its space.

    name: A CLIP or CLAP model, a joint space, or images in a text space such as
        "efficientnet-lite0:conse".

    Raises:
        InvalidInputError: The model has one encoder, in a space of its own.
    """
    encoders = load_encoders(name, threads=threads)
    if len(encoders) == 2:
        return encoders[1], encoders[0]
    if (texts := encoders[0].text_encoder) is not None:
        return encoders[0], texts
    raise InvalidInputError(
        f"{name} is one encoder, which shares its space with no other. Give images and texts in "
        "one space: efficientnet-lite0:conse, a CLIP model, or what sememe train clip wrote."
    )


def _load(
    name: str | None, modality: Modality | None, *, overflow: Overflow, threads: int | None
) -> BaseEncoder:
    """Load the one encoder of a name, of a modality if given."""
    check_threads(threads)
    name = default_model() if name is None else name
    resolved = resolve(name)
    if modality is not None and modality not in resolved.modalities:
        other, wanted = _PLURAL[resolved.modalities[0]], _PLURAL[modality].removesuffix("s")
        raise InvalidInputError(
            f"{name} encodes {other}; give an encoder for {wanted}: {default_model()}"
        )
    if len(resolved.modalities) > 1:
        kinds = " and ".join(_PLURAL[one] for one in resolved.modalities)
        one, two = resolved.names
        raise InvalidInputError(
            f"{name} has two encoders, for {kinds}, in one space. Load one: sememe.load({one!r}) "
            f"or sememe.load({two!r}); or both: sememe.load_encoders({name!r})"
        )
    return _open(resolved, overflow, threads, [])[0]


def _open(
    resolved: Resolved, overflow: Overflow, threads: int | None, loaded: Sequence[BaseEncoder]
) -> list[BaseEncoder]:
    def load_inner(name: str) -> BaseEncoder:
        """Return the encoder that another is built on, loading it if it is not in memory."""
        canonical = str(ModelName.parse(name).canonical)
        in_memory = next((one for one in loaded if one.name == canonical), None)
        return in_memory or load(name, overflow=overflow, threads=threads)

    request = Request(resolved.model, resolved.modalities, overflow, threads, load_inner)
    return [as_encoder(encoder) for encoder in resolved.family.open(request)]
