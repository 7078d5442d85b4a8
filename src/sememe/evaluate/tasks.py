"""The table of tasks: name -> how its data is read and how it is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sememe._errors import InvalidInputError, SpaceMismatchError, UnknownNameError
from sememe._types import Encoder, Modality, PairScorer
from sememe.evaluate.data.aligned import find_aligned, read_aligned
from sememe.evaluate.data.analogy_questions import read_analogies
from sememe.evaluate.data.beir import read_beir
from sememe.evaluate.data.scored_pairs import read_sts, read_word_pairs
from sememe.evaluate.metrics.intervals import Seed
from sememe.evaluate.results import Evaluation
from sememe.evaluate.runners.analogies import evaluate_analogies
from sememe.evaluate.runners.bitext import evaluate_bitext
from sememe.evaluate.runners.class_retrieval import evaluate_class_retrieval
from sememe.evaluate.runners.classification import evaluate_classification
from sememe.evaluate.runners.image_retrieval import evaluate_image_retrieval
from sememe.evaluate.runners.masked_lm import MaskedModel, check_masked_model, evaluate_masked
from sememe.evaluate.runners.probe import evaluate_probe
from sememe.evaluate.runners.retrieval import Searcher, SearchMode, evaluate_retrieval
from sememe.evaluate.runners.similarity import evaluate_sts, evaluate_word_similarity
from sememe.evaluate.runners.speech import Recogniser, check_recogniser, evaluate_speech
from sememe.evaluate.runners.zero_shot import ZeroShotClassifier, evaluate_zero_shot
from sememe.evaluate.unit_vectors import check_encoder_of
from sememe.sources.datasets.image_text import read_image_texts
from sememe.sources.datasets.labelled import read_labelled
from sememe.sources.datasets.transcripts import read_transcripts
from sememe.text.lines import check_corpus, read_texts
from sememe.vectors.keyed import KeyedVectors

Paths = Sequence[Path]
System = (
    Encoder | Searcher | KeyedVectors | PairScorer | MaskedModel | tuple[Encoder, Encoder]
    | ZeroShotClassifier | Recogniser
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    """One row of the table.

    Attributes:
        data: Description of the data, for help and messages.
        read: (paths, split) -> the data.
        run: (system, data, **options) -> Evaluation.
        options: Names of the options of `run_task` that `run` takes.
        paths: Number of paths of the data; None if `read` checks it.
        takes_searcher: Whether it takes an index, with a search mode, or a text encoder.
        takes_vectors: Whether it takes word vectors or a text encoder.
        takes_scorer: Whether it takes cross-encoders or text encoders.
        takes_masked: Whether it takes masked language models.
        takes_images: Whether it takes image encoders.
        takes_sounds: Whether it takes audio encoders.
        takes_pair: Whether it takes an image and a text encoder of one space.
        takes_judge: Whether it takes zero-shot classifiers of images.
        takes_speech: Whether it takes speech recognisers.
    """

    data: str
    read: Callable[[Paths, str], Any]
    run: Callable[..., Evaluation]
    options: tuple[str, ...] = ("batch_size", "show_progress", "resamples", "seed")
    paths: int | None = 1
    takes_searcher: bool = False
    takes_vectors: bool = False
    takes_scorer: bool = False
    takes_masked: bool = False
    takes_images: bool = False
    takes_sounds: bool = False
    takes_pair: bool = False
    takes_judge: bool = False
    takes_speech: bool = False


def run_task(
    task: str,
    system: System,
    data: str | Path | Sequence[str | Path],
    *,
    split: str = "test",
    mode: SearchMode = "hybrid",
    among: int | None = None,
    pseudo_texts: int = 0,
    beam_size: int = 1,
    batch_size: int | None = None,
    show_progress: bool = False,
    resamples: int = 1000,
    seed: Seed = 0,
) -> Evaluation:
    """Read a task's data and evaluate a system on it.

    The system is a text encoder, or an index for "retrieval", word vectors for "word-similarity"
    and "analogies", a cross-encoder for "sts". "masked" takes a masked language model, which
    chooses its own batches; "image-retrieval" an image and a text encoder; "zero-shot" a
    `sememe.ZeroShot`; "speech" a `sememe.encoders.audio.transcriber.Transcriber`.

    task: A name in TASKS. data: One path, or two for "bitext" and "probe". split: The qrels of a
    retrieval folder, or the table of an STS folder. mode: Search mode of an index. among: Number of
    keys, from the first, that can answer an analogy; by default all. pseudo_texts: Number of texts,
    from the first, for the pseudo-perplexity of a masked language model. beam_size: Of a
    recogniser.

    Raises:
        UnknownNameError: No such task, split or mode.
        InvalidInputError: The task does not take such data or such a system.
    """
    if task not in TASKS:
        raise UnknownNameError.of("task", task, TASKS)
    row = TASKS[task]
    _check_system(system, task)
    for name, value, default, owner in (
        ("among", among, None, "analogies"),
        ("pseudo_texts", pseudo_texts, 0, "masked"),
        ("beam_size", beam_size, 1, "speech"),
    ):
        if value != default and name not in row.options:
            raise InvalidInputError(
                f"{name}={value} is for {owner!r}, not for {task!r}. Leave it out."
            )
    options = {
        "batch_size": batch_size, "show_progress": show_progress, "resamples": resamples,
        "seed": seed, "mode": mode, "among": among, "pseudo_texts": pseudo_texts,
        "beam_size": beam_size,
    }  # fmt: skip
    loaded = _read(task, [data] if isinstance(data, str | Path) else data, split)
    return row.run(system, loaded, **{name: options[name] for name in row.options})


def _read(task: str, data: Sequence[str | Path], split: str) -> Any:
    row = TASKS[task]
    paths = list(map(Path, data))
    missing = [str(path) for path in paths if not path.exists()]
    if missing or not paths:
        raise InvalidInputError(f"no such file or folder: {', '.join(missing)}. Give {row.data}.")
    if row.paths not in (None, len(paths)):
        raise InvalidInputError(f"got {len(paths)} paths for {task!r}. Give {row.data}.")
    return row.read(paths, split)


def _check_system(system: object, task: str) -> None:
    row = TASKS[task]
    as_searcher = row.takes_searcher and isinstance(system, Searcher)
    as_scorer = row.takes_scorer and isinstance(system, PairScorer)
    as_vectors = row.takes_vectors and isinstance(system, KeyedVectors)
    if row.takes_masked:
        check_masked_model(system)
    elif row.takes_pair:
        _check_pair(system, task)
    elif row.takes_judge:
        _check_judge(system, task)
    elif row.takes_speech:
        check_recogniser(system)
    elif not (as_searcher or as_scorer or as_vectors):
        kind: Modality = "image" if row.takes_images else "audio" if row.takes_sounds else "text"
        check_encoder_of(system, task, kind)


def _check_pair(system: object, task: str) -> None:
    if not isinstance(system, tuple) or len(system) != 2:
        raise InvalidInputError(
            f"task {task!r} got {type(system).__name__}; give (image encoder, text encoder)."
        )
    images = check_encoder_of(system[0], task, "image")
    texts = check_encoder_of(system[1], task, "text")
    if images.space != texts.space:
        raise SpaceMismatchError(
            f"{images.name} and {texts.name} have different spaces. Give two encoders of one, as "
            "sememe.load_encoders gives them."
        )


def _check_judge(system: object, task: str) -> None:
    if not (hasattr(system, "labels") and hasattr(system, "classify_with_failures")):
        raise InvalidInputError(
            f"task {task!r} got {type(system).__name__}; give "
            "sememe.ZeroShot(images, texts, labels)."
        )


def _read_lines(paths: Paths, split: str) -> list[str]:
    check_corpus(paths[0])
    return [line for line in read_texts(paths[0]) if line.strip()]


def _read_bitext(paths: Paths, split: str) -> list[tuple[str, str]]:
    if len(paths) == 1 and paths[0].is_dir():
        paths = find_aligned(paths[0])
    if len(paths) != 2:
        got = ", ".join(map(str, paths))
        raise InvalidInputError(f"got {got} for 'bitext'. Give {TASKS['bitext'].data}.")
    return read_aligned(*paths)


_SAMPLED = ("show_progress", "resamples", "seed")
_AUDIO_DATA = (
    "a folder with a subfolder of audio files for each class, or a table (.csv, .tsv, .jsonl, "
    ".parquet) of path and label"
)
TASKS: dict[str, Task] = {
    "retrieval": Task(
        data="a folder with corpus.jsonl, queries.jsonl and qrels/<split>.tsv",
        read=lambda paths, split: read_beir(paths[0], split=split),
        run=evaluate_retrieval,
        options=("mode", "batch_size", *_SAMPLED),
        takes_searcher=True,
    ),
    "bitext": Task(
        data="two files with one sentence a line, aligned, or a folder that holds just these",
        read=_read_bitext,
        run=evaluate_bitext,
        paths=None,
    ),
    "sts": Task(
        data="a tab-separated table of sentence1, sentence2, score, or a folder with *<split>*",
        read=lambda paths, split: read_sts(paths[0], split=split),
        run=evaluate_sts,
        takes_scorer=True,
    ),
    "word-similarity": Task(
        data="a table of word1, word2, score",
        read=lambda paths, split: read_word_pairs(paths[0]),
        run=evaluate_word_similarity,
        takes_vectors=True,
    ),
    "analogies": Task(
        data="a file of questions: `: section` lines, and four words a line",
        read=lambda paths, split: read_analogies(paths[0]),
        run=evaluate_analogies,
        options=("among", "batch_size", *_SAMPLED),
        takes_vectors=True,
    ),
    "masked": Task(
        data="a file with a text a line, also .gz or .xz",
        read=_read_lines,
        run=evaluate_masked,
        options=("pseudo_texts", *_SAMPLED),
        takes_masked=True,
    ),
    "probe": Task(
        data="two folders with a subfolder of images for each class: to train on, to test on",
        read=lambda paths, split: tuple(map(read_labelled, paths)),
        run=evaluate_probe,
        paths=2,
        takes_images=True,
    ),
    "zero-shot": Task(
        data="a folder with a subfolder of images for each class",
        read=lambda paths, split: read_labelled(paths[0]),
        run=evaluate_zero_shot,
        options=("resamples", "seed"),
        takes_judge=True,
    ),
    "audio-classification": Task(
        data=f"{_AUDIO_DATA}, with the fold and group if you like",
        read=lambda paths, split: read_labelled(paths[0], modality="audio"),
        run=evaluate_classification,
        takes_sounds=True,
    ),
    "audio-retrieval": Task(
        data=_AUDIO_DATA,
        read=lambda paths, split: read_labelled(paths[0], modality="audio"),
        run=evaluate_class_retrieval,
        takes_sounds=True,
    ),
    "speech": Task(
        data="a table (.csv, .tsv, .jsonl, .parquet) of path and text, or a folder with NAME.wav "
        "and NAME.txt",
        read=lambda paths, split: read_transcripts(paths[0]),
        run=evaluate_speech,
        options=("beam_size", *_SAMPLED),
        takes_speech=True,
    ),
    "image-retrieval": Task(
        data="a table (.csv, .tsv, .jsonl, .parquet) of images and texts",
        read=lambda paths, split: read_image_texts(paths[0]),
        run=evaluate_image_retrieval,
        takes_pair=True,
    ),
}
