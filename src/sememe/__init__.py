"""sememe: search any folder by meaning, offline, Korean and English alike.

Public names are listed in one table and loaded on first use, so that `import sememe` is light.

    >>> import sememe
    >>> encoder = sememe.load("use-multilingual-v3")
    >>> encoder.encode(["고양이", "cat"]).shape
    (2, 512)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sememe._version import __version__

_MODULES = {
    "_errors": (
        "CorruptFileError DuplicateIdError FilterError HubError IndexExistsError IndexFormatError "
        "IndexLockedError IndexNotFoundError InvalidInputError MissingExtraError SememeError "
        "SpaceMismatchError TextTooLongError UnknownKeyError UnknownNameError"
    ),
    "_types": "Encoder Item Skipped",
    "encoders.audio.speech": "SpeechEncoder",
    "encoders.audio.statistics": "SoundEncoder",
    "encoders.audio.transcriber": "Transcriber",
    "encoders.image.conse": "ConseEncoder",
    "encoders.image.encoder": "ImageEncoder",
    "encoders.load.by_name": "load load_encoders",
    "encoders.receipt": "Receipt",
    "encoders.text.cross_encoder": "CrossEncoder",
    "encoders.text.encoder": "TextEncoder",
    "encoders.text.masked_lm": "MaskedLM",
    "encoders.text.sentence": "SentenceEncoder",
    "encoders.text.static": "StaticEncoder",
    "encoders.text.word_vectors": "WordEncoder",
    "index.index": "Index",
    "index.near_duplicates": "ImagePair SoundPair",
    "index.querying.hits": "Hit Hits",
    "index.report": "Report",
    "models.audio.mfcc": "Mfcc delta",
    "models.weights.catalog": "CATALOG ModelInfo",
    "sources.media.audio_decoding": "Clip read_sound stream_sound",
    "tasks.mining": "deduplicate mine_pairs",
    "tasks.zero_shot": "ZeroShot",
    "text.tokenizers.subwords": "SubwordTokenizer",
    "train.classify.audio": "AudioClassifier",
    "train.classify.image": "ImageClassifier",
    "train.classify_text.classifier": "TextClassifier",
    "train.clip.locked": "ClipTraining",
    "train.clip.scratch": "ClipFromScratch",
    "train.distil.distil": "distil",
    "train.mlm.masked_lm": "MaskedTraining",
    "train.sentence.bi_encoder": "SentenceTraining",
    "train.sentence.cross_encoder": "CrossTraining",
    "train.sentence.domain_adaptation": "DomainAdaptation",
    "train.sentence.multilingual": "MultilingualTraining",
    "train.simclr.recipe": "SimCLRTraining",
    "train.speech.recipe": "SpeechTraining",
    "train.wav2vec2.recipe": "Wav2Vec2Training",
    "train.words.corpus.phrases": "Phrases",
    "train.words.fasttext": "FastText",
    "train.words.report": "TrainingReport",
    "train.words.word2vec": "Word2Vec",
    "vectors.keyed": "KeyedVectors SubwordVectors",
}  # module -> public names
_EXPORTS = {
    name: f"sememe.{module}" for module, names in _MODULES.items() for name in names.split()
}

__all__ = [*sorted(_EXPORTS), "__version__"]  # noqa: PLE0604

if TYPE_CHECKING:
    from sememe._errors import CorruptFileError as CorruptFileError
    from sememe._errors import DuplicateIdError as DuplicateIdError
    from sememe._errors import FilterError as FilterError
    from sememe._errors import HubError as HubError
    from sememe._errors import IndexExistsError as IndexExistsError
    from sememe._errors import IndexFormatError as IndexFormatError
    from sememe._errors import IndexLockedError as IndexLockedError
    from sememe._errors import IndexNotFoundError as IndexNotFoundError
    from sememe._errors import InvalidInputError as InvalidInputError
    from sememe._errors import MissingExtraError as MissingExtraError
    from sememe._errors import SememeError as SememeError
    from sememe._errors import SpaceMismatchError as SpaceMismatchError
    from sememe._errors import TextTooLongError as TextTooLongError
    from sememe._errors import UnknownKeyError as UnknownKeyError
    from sememe._errors import UnknownNameError as UnknownNameError
    from sememe._types import Encoder as Encoder
    from sememe._types import Item as Item
    from sememe._types import Skipped as Skipped
    from sememe.encoders.audio.speech import SpeechEncoder as SpeechEncoder
    from sememe.encoders.audio.statistics import SoundEncoder as SoundEncoder
    from sememe.encoders.audio.transcriber import Transcriber as Transcriber
    from sememe.encoders.image.conse import ConseEncoder as ConseEncoder
    from sememe.encoders.image.encoder import ImageEncoder as ImageEncoder
    from sememe.encoders.load.by_name import load as load
    from sememe.encoders.load.by_name import load_encoders as load_encoders
    from sememe.encoders.receipt import Receipt as Receipt
    from sememe.encoders.text.cross_encoder import CrossEncoder as CrossEncoder
    from sememe.encoders.text.encoder import TextEncoder as TextEncoder
    from sememe.encoders.text.masked_lm import MaskedLM as MaskedLM
    from sememe.encoders.text.sentence import SentenceEncoder as SentenceEncoder
    from sememe.encoders.text.static import StaticEncoder as StaticEncoder
    from sememe.encoders.text.word_vectors import WordEncoder as WordEncoder
    from sememe.index.index import Index as Index
    from sememe.index.near_duplicates import ImagePair as ImagePair
    from sememe.index.near_duplicates import SoundPair as SoundPair
    from sememe.index.querying.hits import Hit as Hit
    from sememe.index.querying.hits import Hits as Hits
    from sememe.index.report import Report as Report
    from sememe.models.audio.mfcc import Mfcc as Mfcc
    from sememe.models.audio.mfcc import delta as delta
    from sememe.models.weights.catalog import CATALOG as CATALOG
    from sememe.models.weights.catalog import ModelInfo as ModelInfo
    from sememe.sources.media.audio_decoding import Clip as Clip
    from sememe.sources.media.audio_decoding import read_sound as read_sound
    from sememe.sources.media.audio_decoding import stream_sound as stream_sound
    from sememe.tasks.mining import deduplicate as deduplicate
    from sememe.tasks.mining import mine_pairs as mine_pairs
    from sememe.tasks.zero_shot import ZeroShot as ZeroShot
    from sememe.text.tokenizers.subwords import SubwordTokenizer as SubwordTokenizer
    from sememe.train.classify.audio import AudioClassifier as AudioClassifier
    from sememe.train.classify.image import ImageClassifier as ImageClassifier
    from sememe.train.classify_text.classifier import TextClassifier as TextClassifier
    from sememe.train.clip.locked import ClipTraining as ClipTraining
    from sememe.train.clip.scratch import ClipFromScratch as ClipFromScratch
    from sememe.train.distil.distil import distil as distil
    from sememe.train.mlm.masked_lm import MaskedTraining as MaskedTraining
    from sememe.train.sentence.bi_encoder import SentenceTraining as SentenceTraining
    from sememe.train.sentence.cross_encoder import CrossTraining as CrossTraining
    from sememe.train.sentence.domain_adaptation import DomainAdaptation as DomainAdaptation
    from sememe.train.sentence.multilingual import MultilingualTraining as MultilingualTraining
    from sememe.train.simclr.recipe import SimCLRTraining as SimCLRTraining
    from sememe.train.speech.recipe import SpeechTraining as SpeechTraining
    from sememe.train.wav2vec2.recipe import Wav2Vec2Training as Wav2Vec2Training
    from sememe.train.words.corpus.phrases import Phrases as Phrases
    from sememe.train.words.fasttext import FastText as FastText
    from sememe.train.words.report import TrainingReport as TrainingReport
    from sememe.train.words.word2vec import Word2Vec as Word2Vec
    from sememe.vectors.keyed import KeyedVectors as KeyedVectors
    from sememe.vectors.keyed import SubwordVectors as SubwordVectors


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'sememe' has no attribute {name!r}")
    value = getattr(importlib.import_module(_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
