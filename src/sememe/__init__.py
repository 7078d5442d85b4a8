"""sememe: search any folder by meaning, offline, Korean and English alike.

Everything public is named in one table and loaded when it is first used, so that `import sememe`
costs nothing.

    >>> import sememe
    >>> encoder = sememe.load("use-multilingual-v3")
    >>> encoder.encode(["고양이", "cat"]).shape
    (2, 512)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sememe._version import __version__

_EXPORTS = {
    "AudioClassifier": "sememe.train.classify.audio",
    "CATALOG": "sememe.models.weights.catalog",
    "Clip": "sememe.sources.media.audio_decoding",
    "ClipFromScratch": "sememe.train.clip.scratch",
    "ClipTraining": "sememe.train.clip.locked",
    "ConseEncoder": "sememe.encoders.image.conse",
    "CorruptFileError": "sememe._errors",
    "CrossEncoder": "sememe.encoders.text.cross_encoder",
    "CrossTraining": "sememe.train.sentence.cross_encoder",
    "DomainAdaptation": "sememe.train.sentence.domain_adaptation",
    "DuplicateIdError": "sememe._errors",
    "Encoder": "sememe._types",
    "FastText": "sememe.train.words.fasttext",
    "FilterError": "sememe._errors",
    "Hit": "sememe.index.querying.hits",
    "Hits": "sememe.index.querying.hits",
    "HubError": "sememe._errors",
    "ImageClassifier": "sememe.train.classify.image",
    "ImageEncoder": "sememe.encoders.image.encoder",
    "ImagePair": "sememe.index.near_duplicates",
    "Index": "sememe.index.index",
    "IndexExistsError": "sememe._errors",
    "IndexFormatError": "sememe._errors",
    "IndexLockedError": "sememe._errors",
    "IndexNotFoundError": "sememe._errors",
    "InvalidInputError": "sememe._errors",
    "Item": "sememe._types",
    "KeyedVectors": "sememe.vectors.keyed",
    "MaskedLM": "sememe.encoders.text.masked_lm",
    "MaskedTraining": "sememe.train.mlm.masked_lm",
    "Mfcc": "sememe.models.audio.mfcc",
    "MissingExtraError": "sememe._errors",
    "ModelInfo": "sememe.models.weights.catalog",
    "MultilingualTraining": "sememe.train.sentence.multilingual",
    "Phrases": "sememe.train.words.corpus.phrases",
    "Receipt": "sememe.encoders.receipt",
    "Report": "sememe.index.report",
    "SememeError": "sememe._errors",
    "SentenceEncoder": "sememe.encoders.text.sentence",
    "SentenceTraining": "sememe.train.sentence.bi_encoder",
    "SimCLRTraining": "sememe.train.simclr.recipe",
    "Skipped": "sememe._types",
    "SoundEncoder": "sememe.encoders.audio.statistics",
    "SoundPair": "sememe.index.near_duplicates",
    "SpaceMismatchError": "sememe._errors",
    "SpeechEncoder": "sememe.encoders.audio.speech",
    "SpeechTraining": "sememe.train.speech.recipe",
    "StaticEncoder": "sememe.encoders.text.static",
    "SubwordTokenizer": "sememe.text.tokenizers.subwords",
    "SubwordVectors": "sememe.vectors.keyed",
    "TextEncoder": "sememe.encoders.text.encoder",
    "TextTooLongError": "sememe._errors",
    "TrainingReport": "sememe.train.words.report",
    "Transcriber": "sememe.encoders.audio.transcriber",
    "UnknownKeyError": "sememe._errors",
    "UnknownNameError": "sememe._errors",
    "Wav2Vec2Training": "sememe.train.wav2vec2.recipe",
    "Word2Vec": "sememe.train.words.word2vec",
    "WordEncoder": "sememe.encoders.text.word_vectors",
    "ZeroShot": "sememe.tasks.zero_shot",
    "deduplicate": "sememe.tasks.mining",
    "delta": "sememe.models.audio.mfcc",
    "distil": "sememe.train.distil.distil",
    "load": "sememe.encoders.load.by_name",
    "load_encoders": "sememe.encoders.load.by_name",
    "mine_pairs": "sememe.tasks.mining",
    "read_sound": "sememe.sources.media.audio_decoding",
    "stream_sound": "sememe.sources.media.audio_decoding",
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
