"""The table of tasks: name -> how its data is read and how it is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._types import Encoder, PairScorer
from sememe.evaluate._cosine import check_text_encoder
from sememe.evaluate.aligned import find_aligned, read_aligned
from sememe.evaluate.analogies import evaluate_analogies
from sememe.evaluate.beir import read_beir
from sememe.evaluate.bitext import evaluate_bitext
from sememe.evaluate.intervals import Seed
from sememe.evaluate.masked import MaskedModel, check_masked_model, evaluate_masked
from sememe.evaluate.questions import read_analogies
from sememe.evaluate.results import Evaluation
from sememe.evaluate.retrieval import Searcher, SearchMode, evaluate_retrieval
from sememe.evaluate.similarity import evaluate_sts, evaluate_word_similarity
from sememe.evaluate.tables import read_sts, read_word_pairs
from sememe.text.lines import check_corpus, read_texts
from sememe.vectors.keyed import KeyedVectors

Paths = Sequence[Path]


@dataclass(frozen=True, slots=True)
class Task:
    """One row of the table.

    Attributes:
        data: What the data looks like, for help and messages.
        read: (paths, split) -> the data.
        run: (system, data, **options) -> Evaluation; options are batch_size, show_progress,
            resamples and seed.
        takes_searcher: Whether an index may stand in the encoder's place, with a search mode.
        takes_vectors: Whether word vectors may stand in the encoder's place.
        takes_scorer: Whether what scores pairs may stand in the encoder's place.
        takes_among: Whether the answers can be sought among the first keys alone.
        takes_masked: Whether it is for masked language models, and not for encoders.
    """

    data: str
    read: Callable[[Paths, str], Any]
    run: Callable[..., Evaluation]
    takes_searcher: bool = False
    takes_vectors: bool = False
    takes_scorer: bool = False
    takes_among: bool = False
    takes_masked: bool = False


def run_task(
    task: str,
    system: Encoder | Searcher | KeyedVectors | PairScorer | MaskedModel,
    data: str | Path | Sequence[str | Path],
    *,
    split: str = "test",
    mode: SearchMode = "hybrid",
    among: int | None = None,
    pseudo_texts: int = 0,
    batch_size: int | None = None,
    show_progress: bool = False,
    resamples: int = 1000,
    seed: Seed = 0,
) -> Evaluation:
    """Read a task's data and evaluate an encoder on it.

    For "retrieval" the system may be an index, for "word-similarity" and "analogies" word vectors,
    for "sts" a cross-encoder; "masked" is for masked language models, whose batches are their own.

    task: a name in TASKS. data: one path, or two for "bitext". split: which qrels of a retrieval
    folder, or which table of an STS folder. mode: how an index searches. among: how
    many keys, the first, are known and can answer an analogy; all unless told. pseudo_texts: of how
    many texts, the first, a masked language model's pseudo-perplexity is taken.

    Raises:
        UnknownNameError: No such task, split or mode.
        InvalidInputError: The data or the system is not what the task takes.
    """
    if task not in TASKS:
        raise UnknownNameError.of("task", task, TASKS)
    row = TASKS[task]
    as_searcher = row.takes_searcher and isinstance(system, Searcher)
    as_scorer = row.takes_scorer and isinstance(system, PairScorer)
    as_vectors = row.takes_vectors and isinstance(system, KeyedVectors)
    if row.takes_masked:
        check_masked_model(system)
    elif not (as_searcher or as_scorer or as_vectors):
        check_text_encoder(system, task)
    options = _options(task, mode=mode, among=among, pseudo_texts=pseudo_texts)
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


def _options(
    task: str, *, mode: SearchMode, among: int | None, pseudo_texts: int
) -> dict[str, Any]:
    """Return what only this task takes, or refuse what another one does."""
    row = TASKS[task]
    if among is not None and not row.takes_among:
        raise InvalidInputError(
            f"among={among} is for 'analogies', not for {task!r}. Leave it out."
        )
    if pseudo_texts and not row.takes_masked:
        raise InvalidInputError(
            f"pseudo_texts={pseudo_texts} is for 'masked', not for {task!r}. Leave it out."
        )
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
}
