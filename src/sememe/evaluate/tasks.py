"""The table of tasks: name -> how its data is read and how it is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sememe._errors import InvalidInputError, SpaceMismatchError, UnknownNameError
from sememe._types import Encoder, PairScorer
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
from sememe.evaluate.unit_vectors import check_encoder_of, check_image_encoder, check_text_encoder
from sememe.sources.datasets.image_text import read_image_texts
from sememe.sources.datasets.labelled import read_labelled
from sememe.sources.datasets.labelled_data import Labelled
from sememe.sources.datasets.transcripts import read_transcripts
from sememe.text.lines import check_corpus, read_texts
from sememe.vectors.keyed import KeyedVectors

Paths = Sequence[Path]
Pair = tuple[Encoder, Encoder]


@dataclass(frozen=True, slots=True)
class Task:
    """One row of the table.

    Attributes:
        data: Description of the data, for help and messages.
        read: (paths, split) -> the data.
        run: (system, data, **options) -> Evaluation; options are batch_size, show_progress,
            resamples and seed.
        takes_searcher: Whether it takes an index, with a search mode, besides text encoders.
        takes_vectors: Whether it takes word vectors besides text encoders.
        takes_scorer: Whether it takes cross-encoders besides text encoders.
        takes_among: Whether answers can be restricted to the first keys.
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
    takes_searcher: bool = False
    takes_vectors: bool = False
    takes_scorer: bool = False
    takes_among: bool = False
    takes_masked: bool = False
    takes_images: bool = False
    takes_sounds: bool = False
    takes_pair: bool = False
    takes_judge: bool = False
    takes_speech: bool = False


def run_task(
    task: str,
    system: Encoder
    | Searcher
    | KeyedVectors
    | PairScorer
    | MaskedModel
    | Pair
    | ZeroShotClassifier
    | Recogniser,
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
    from the first, for the pseudo-perplexity of a masked language model. beam_size: Beam size of a
    recogniser.

    Raises:
        UnknownNameError: No such task, split or mode.
        InvalidInputError: The task does not take such data or such a system.
    """
    if task not in TASKS:
        raise UnknownNameError.of("task", task, TASKS)
    row = TASKS[task]
    as_searcher = row.takes_searcher and isinstance(system, Searcher)
    as_scorer = row.takes_scorer and isinstance(system, PairScorer)
    as_vectors = row.takes_vectors and isinstance(system, KeyedVectors)
    if row.takes_masked:
        check_masked_model(system)
    elif row.takes_images:
        check_image_encoder(system, task)
    elif row.takes_sounds:
        check_encoder_of(system, task, "audio")
    elif row.takes_pair:
        _check_pair(system, task)
    elif row.takes_judge:
        _check_judge(system, task)
    elif row.takes_speech:
        check_recogniser(system)
    elif not (as_searcher or as_scorer or as_vectors):
        check_text_encoder(system, task)
    options = _options(task, mode=mode, among=among, pseudo_texts=pseudo_texts, beam_size=beam_size)
    paths = [Path(data)] if isinstance(data, str | Path) else [Path(path) for path in data]
    missing = [str(path) for path in paths if not path.exists()]
    if missing or not paths:
        raise InvalidInputError(f"no such file or folder: {', '.join(missing)}. Give {row.data}.")
    return row.run(
        system,
        row.read(paths, split),
        batch_size=batch_size,
        show_progress=show_progress,
        resamples=resamples,
        seed=seed,
        **options,
    )


def _check_pair(system: object, task: str) -> None:
    if not isinstance(system, tuple) or len(system) != 2:
        raise InvalidInputError(
            f"task {task!r} got {type(system).__name__}; give (image encoder, text encoder)."
        )
    images, texts = check_image_encoder(system[0], task), check_text_encoder(system[1], task)
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


def _options(
    task: str, *, mode: SearchMode, among: int | None, pseudo_texts: int, beam_size: int
) -> dict[str, Any]:
    """Return the options of this task, or refuse those of others."""
    row = TASKS[task]
    if among is not None and not row.takes_among:
        raise InvalidInputError(
            f"among={among} is for 'analogies', not for {task!r}. Leave it out."
        )
    if pseudo_texts and not row.takes_masked:
        raise InvalidInputError(
            f"pseudo_texts={pseudo_texts} is for 'masked', not for {task!r}. Leave it out."
        )
    if beam_size != 1 and not row.takes_speech:
        raise InvalidInputError(
            f"beam_size={beam_size} is for 'speech', not for {task!r}. Leave it out."
        )
    if row.takes_speech:
        return {"beam_size": beam_size}
    if row.takes_masked:
        return {"pseudo_texts": pseudo_texts}
    options: dict[str, Any] = {"mode": mode} if row.takes_searcher else {}
    return options | ({"among": among} if row.takes_among else {})


def _only(task: str, paths: Paths) -> Path:
    if len(paths) != 1:
        raise InvalidInputError(f"got {len(paths)} paths for {task!r}. Give {TASKS[task].data}.")
    return paths[0]


def _read_lines(paths: Paths, split: str) -> list[str]:
    path = _only("masked", paths)
    check_corpus(path)
    return [line for line in read_texts(path) if line.strip()]


def _run_masked(
    model: MaskedModel, texts: Sequence[str], *, batch_size: int | None, **options: Any
) -> Evaluation:
    return evaluate_masked(model, texts, **options)


def _read_bitext(paths: Paths, split: str) -> list[tuple[str, str]]:
    if len(paths) == 1 and paths[0].is_dir():
        paths = find_aligned(paths[0])
    if len(paths) != 2:
        got = ", ".join(map(str, paths))
        raise InvalidInputError(f"got {got} for 'bitext'. Give {TASKS['bitext'].data}.")
    return read_aligned(*paths)


def _run_judge(
    judge: ZeroShotClassifier,
    data: Labelled,
    *,
    batch_size: int | None,
    show_progress: bool,
    **options: Any,
) -> Evaluation:
    return evaluate_zero_shot(judge, data, **options)


def _run_speech(
    recogniser: Recogniser,
    data: Sequence[tuple[Path, str]],
    *,
    batch_size: int | None,
    **options: Any,
) -> Evaluation:
    return evaluate_speech(recogniser, data, **options)


def _read_probe(paths: Paths, split: str) -> tuple[Labelled, Labelled]:
    if len(paths) != 2:
        raise InvalidInputError(f"got {len(paths)} paths for 'probe'. Give {TASKS['probe'].data}.")
    return read_labelled(paths[0]), read_labelled(paths[1])


def _read_audio(task: str, paths: Paths) -> Labelled:
    return read_labelled(_only(task, paths), modality="audio")


_AUDIO_DATA = (
    "a folder with a subfolder of audio files for each class, or a table (.csv, .tsv, .jsonl, "
    ".parquet) of path and label"
)
TASKS: dict[str, Task] = {
    "retrieval": Task(
        data="a folder with corpus.jsonl, queries.jsonl and qrels/<split>.tsv",
        read=lambda paths, split: read_beir(_only("retrieval", paths), split=split),
        run=evaluate_retrieval,
        takes_searcher=True,
    ),
    "bitext": Task(
        data="two files with one sentence a line, aligned, or a folder that holds just these",
        read=_read_bitext,
        run=evaluate_bitext,
    ),
    "sts": Task(
        data="a tab-separated table of sentence1, sentence2, score, or a folder with *<split>*",
        read=lambda paths, split: read_sts(_only("sts", paths), split=split),
        run=evaluate_sts,
        takes_scorer=True,
    ),
    "word-similarity": Task(
        data="a table of word1, word2, score",
        read=lambda paths, split: read_word_pairs(_only("word-similarity", paths)),
        run=evaluate_word_similarity,
        takes_vectors=True,
    ),
    "analogies": Task(
        data="a file of questions: `: section` lines, and four words a line",
        read=lambda paths, split: read_analogies(_only("analogies", paths)),
        run=evaluate_analogies,
        takes_vectors=True,
        takes_among=True,
    ),
    "masked": Task(
        data="a file with a text a line, also .gz or .xz",
        read=_read_lines,
        run=_run_masked,
        takes_masked=True,
    ),
    "probe": Task(
        data="two folders with a subfolder of images for each class: to train on, to test on",
        read=_read_probe,
        run=evaluate_probe,
        takes_images=True,
    ),
    "zero-shot": Task(
        data="a folder with a subfolder of images for each class",
        read=lambda paths, split: read_labelled(_only("zero-shot", paths)),
        run=_run_judge,
        takes_judge=True,
    ),
    "audio-classification": Task(
        data=f"{_AUDIO_DATA}, with the fold and group if you like",
        read=lambda paths, split: _read_audio("audio-classification", paths),
        run=evaluate_classification,
        takes_sounds=True,
    ),
    "audio-retrieval": Task(
        data=_AUDIO_DATA,
        read=lambda paths, split: _read_audio("audio-retrieval", paths),
        run=evaluate_class_retrieval,
        takes_sounds=True,
    ),
    "speech": Task(
        data="a table (.csv, .tsv, .jsonl, .parquet) of path and text, or a folder with NAME.wav "
        "and NAME.txt",
        read=lambda paths, split: read_transcripts(_only("speech", paths)),
        run=_run_speech,
        takes_speech=True,
    ),
    "image-retrieval": Task(
        data="a table (.csv, .tsv, .jsonl, .parquet) of images and texts",
        read=lambda paths, split: read_image_texts(_only("image-retrieval", paths)),
        run=evaluate_image_retrieval,
        takes_pair=True,
    ),
}
