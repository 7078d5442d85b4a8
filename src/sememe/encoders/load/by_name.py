"""`sememe.load`: an encoder by its name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.encoders.base import check_threads
from sememe.encoders.joint.clap import ClapModel, clap_place, has_sound_and_text, load_clap_text
from sememe.encoders.joint.clip import ClipModel, clip_place, has_two, load_clip_text
from sememe.encoders.load.joint import is_joint, load_joint_text
from sememe.encoders.text.encoder import Overflow, TextEncoder, TextModel, digest
from sememe.models.weights.catalog import CATALOG, DEFAULT_MODEL, ModelInfo, model_info
from sememe.models.weights.folder import ModelFolder, ModelKind
from sememe.models.weights.glove import GLOVE

if TYPE_CHECKING:
    from sememe.encoders.image.conse import ConseEncoder
    from sememe.encoders.image.encoder import ImageEncoder
    from sememe.encoders.joint.projected import JointImage, JointText
    from sememe.encoders.load.audio import AudioEncoder
    from sememe.encoders.text.word_tokens import Tokens
    from sememe.encoders.text.word_vectors import Pooling, WordEncoder
    from sememe.vectors.keyed import KeyedVectors

    # What a name may stand for.
    AnyEncoder = (
        TextEncoder | WordEncoder | ImageEncoder | ConseEncoder | JointText | JointImage
        | AudioEncoder
    )  # fmt: skip

_POOLINGS: dict[str, Pooling] = {":mean": "mean", ":sif": "sif"}
_INT8 = ":int8"


@overload
def load(
    name: Literal["use-multilingual-v3"] = ...,
    *,
    overflow: Overflow = ...,
    threads: int | None = ...,
) -> TextEncoder: ...


@overload
def load(name: str, *, overflow: Overflow = ..., threads: int | None = ...) -> AnyEncoder: ...


def load(
    name: str = DEFAULT_MODEL, *, overflow: Overflow = "chunk", threads: int | None = None
) -> AnyEncoder:
    """Load an encoder, by default the multilingual one for text.

    Args:
        name: A name that `sememe models` lists, after one for images ":conse" to have pictures in
            the space of the default text encoder, ":conse:NAME" in another's; or the folder of an
            image encoder that sememe wrote; or the folder of a CLIP model as transformers or
            open_clip writes it, or of a joint space that was trained here, ":text" or ":image"
            after it; or the folder of a CLAP model as transformers writes it, ":text" or ":audio"
            after it; or the folder of a sentence encoder as sentence-transformers or transformers
            writes it (BERT, RoBERTa, XLM-R, DistilBERT, MPNet; of another kind, its onnx/model.onnx
            runs, or with the extra `train` an export of it), ":int8" after it for whole numbers of
            8 bits, which are quicker and a little less exact; or the folder of a static encoder, as
            `sememe distil` or model2vec writes it; or the folder of a wav2vec 2.0 or HuBERT network
            for recordings, ":layer6" after it for the states of its layer 6; or the path of word
            vectors, a folder that sememe wrote or a file of word2vec, GloVe or fastText. After word
            vectors, ":sif" or ":mean" says how words become a text; SIF unless told.
        overflow: What becomes of text longer than the encoder's window: "chunk" (all of it is
            encoded, in overlapping chunks), "truncate" (its beginning) or "error".
        threads: CPU threads for the network; all cores unless told.

    Word vectors and static encoders have no window and no network: `overflow` and `threads` change
    nothing there.

    Raises:
        UnknownNameError: No model and no file of that name.
        InvalidInputError: `threads` below 1, or the folder of a cross-encoder.
        MissingExtraError: The package that carries its weights is not installed.
        CorruptFileError: The weights are not those the catalogue means, or a file is damaged.
        OSError: A model of the hub that is not here, and the hub cannot be reached.

    >>> encoder = load()
    >>> encoder.encode(["안녕하세요", "Hello"]).shape
    (2, 512)
    """
    from sememe.encoders.load.audio import load_audio
    from sememe.encoders.load.image import load_image

    check_threads(threads)
    found = load_image(name, threads=threads) or load_audio(name, threads=threads)
    return found or load_text(name, overflow=overflow, threads=threads)


def load_encoders(
    name: str = DEFAULT_MODEL, *, overflow: Overflow = "chunk", threads: int | None = None
) -> list[AnyEncoder]:
    """Load all encoders that a name stands for: two for a CLIP or CLAP model, one for most others.

    Those of a CLIP model, and of a joint space that was trained here, are for texts and for
    pictures, those of a CLAP model for texts and for sounds, in this order and in one space.

    Raises:
        InvalidInputError, UnknownNameError, MissingExtraError, CorruptFileError, OSError: As
            `load`.

    >>> [encoder.modality for encoder in load_encoders()]
    ['text']
    """
    check_threads(threads)
    if not name.startswith("hf:") or name.count(":") == 1:
        place = clip_place(name)
        if place is not None:
            model = ClipModel(place, name)
            return [model.texts(overflow=overflow, threads=threads), model.images(threads=threads)]
        if (place := clap_place(name)) is not None:
            both = ClapModel(place, name)
            return [both.texts(overflow=overflow, threads=threads), both.sounds(threads=threads)]
        if is_joint(name):
            sides = [f"{name}:text", f"{name}:image"]
            return [load(side, overflow=overflow, threads=threads) for side in sides]
    return [load(name, overflow=overflow, threads=threads)]


def load_text(
    name: str = DEFAULT_MODEL, *, overflow: Overflow = "chunk", threads: int | None = None
) -> TextEncoder | WordEncoder | JointText:
    """Load an encoder for text; see `load`.

    Raises:
        InvalidInputError: It is one for images.
        UnknownNameError, MissingExtraError, CorruptFileError, OSError: As `load`.
    """
    from sememe.encoders.load.image import is_image

    check_threads(threads)
    if is_image(name):
        raise InvalidInputError(f"{name} encodes images; give an encoder for text: {DEFAULT_MODEL}")
    for load_side in (load_clap_text, load_clip_text, load_joint_text):
        if (side := load_side(name, overflow=overflow, threads=threads)) is not None:
            return side
    if name == DEFAULT_MODEL:
        return _use_multilingual(model_info(name), overflow, threads or os.cpu_count() or 1)
    source, int8 = name.removesuffix(_INT8), name.endswith(_INT8)
    folder = network(source)
    if folder is None:
        return _word_encoder(name)
    if source not in CATALOG and not source.startswith("hf:"):
        name = str(folder) + name[len(source) :]
    known = ModelFolder.open(folder)
    if known.holds(ModelKind.CLIP):
        raise has_two(source)
    if known.holds(ModelKind.CLAP):
        raise has_sound_and_text(source)
    if known.holds(ModelKind.STATIC) and not int8:
        from sememe.encoders.text.static import StaticEncoder

        return StaticEncoder.load(folder, name=name)
    if known.holds(ModelKind.CROSS_ENCODER):
        raise InvalidInputError(
            f"{source} is a cross-encoder: it scores pairs and gives texts no vectors. Open it "
            f"with sememe.CrossEncoder.load({source!r}), or give it to search --rerank."
        )
    from sememe.encoders.text.sentence import sentence_encoder

    return sentence_encoder(folder, name, overflow=overflow, threads=threads, int8=int8)


def load_vectors(name: str) -> KeyedVectors:
    """Load word vectors: of the catalogue, or from a folder or file.

    >>> load_vectors("glove-6b-50d").analogy("man", "king", "woman")[0][0]
    'queen'

    Raises:
        UnknownNameError: No word vectors and no file of that name.
        MissingExtraError, CorruptFileError: As `load`.
    """
    if name == GLOVE:
        from sememe.models.weights.glove import load_glove

        return load_glove()
    if name in CATALOG:
        raise InvalidInputError(f"{name} encodes texts and holds no word vectors; give {GLOVE!r}.")
    if not name or not _exists(name):
        error = UnknownNameError.of("model", name, CATALOG)
        raise UnknownNameError(f"{error} Nor is there a folder or file of that name.")
    from sememe.vectors.keyed import KeyedVectors

    return KeyedVectors.load(name)


def network(name: str) -> Path | None:
    """Return the folder of a network of BERT's family that goes by this name, None if none does."""
    if name in CATALOG:
        info = model_info(name)
        return info.check_path("network").parent if "network" in info.files else None
    if name.startswith("hf:"):
        from sememe.models.locate import fetch

        return fetch(name)
    path = Path(name)
    known = bool(name) and ModelFolder.open(path).holds(ModelKind.SENTENCE)
    return path.resolve() if known else None


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except OSError:  # too long for a name
        return False


def _word_encoder(name: str) -> WordEncoder:
    from sememe.encoders.text.word_vectors import WordEncoder

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


def _use_multilingual(info: ModelInfo, overflow: Overflow, threads: int) -> TextEncoder:
    from sememe.models.use.engine import UseEngine
    from sememe.models.use.weights import UseWeights
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
    return digest(
        v=1,
        model=info.name,
        files={role: file.sha256 for role, file in sorted(info.files.items())},
        dtype="float32",
        **facts,
    )
