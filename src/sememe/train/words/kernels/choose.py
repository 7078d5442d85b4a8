"""Choose the compiled kernel of a model from its kind, mode and objective.

Compiling takes some 40 MB that the process does not return, so `precompile` does it in a
subprocess, which leaves the machine code in Numba's cache (next to the source, or in
NUMBA_CACHE_DIR).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sememe._errors import InvalidInputError
from sememe.text.ngrams import Ngrams
from sememe.train.words.kernels.cbow import cbow_block
from sememe.train.words.kernels.huffman import make_tree, no_tree
from sememe.train.words.kernels.rows import new_rows, row_width
from sememe.train.words.kernels.sampling import make_sampler
from sememe.train.words.kernels.skipgram import skipgram_block
from sememe.train.words.kernels.subword import Parts, subword_block
from sememe.train.words.subprocess_call import call, can_call

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.train.words.kernels.primitives import Tree

Kind = Literal["word2vec", "fasttext"]
Mode = Literal["skipgram", "cbow"]
Objective = Literal["negative-sampling", "hierarchical-softmax"]
# (word numbers of a block, rate at its begin, rate at its end, seed) -> mean loss
Step = Callable[["NDArray[np.int32]", float, float, np.uint64], float]


def choose_kernel(kind: Kind, mode: Mode) -> Any:
    """Return the compiled function that trains on one block."""
    if kind == "fasttext":
        return subword_block
    return skipgram_block if mode == "skipgram" else cbow_block


def choose_tree(
    objective: Objective, negatives: int, counts: NDArray[np.int64]
) -> tuple[Tree, int]:
    """Return the Huffman tree and the number of negatives; one of them is empty or 0."""
    if objective == "negative-sampling":
        return no_tree(), negatives
    if len(counts) < 2:
        raise InvalidInputError(
            "a tree needs 2 words, the vocabulary has 1. Give more text, or "
            "objective='negative-sampling'."
        )
    return make_tree(counts), 0


def make_step(kind: Kind, mode: Mode, *fixed: Any) -> Step:
    """Return the step that calls a kernel with arguments that are the same for every block.

    fixed: (inputs, outputs, sampler, tree, window, negatives) for word2vec, and (parts, targets,
    outputs, sampler, tree, is_cbow, window, negatives) for fasttext. Rows are updated in place.
    """
    kernel = choose_kernel(kind, mode)

    def step(ids: NDArray[np.int32], rate: float, last_rate: float, seed: np.uint64) -> float:
        return float(kernel(ids, *fixed, rate, last_rate, seed))

    return step


def precompile(kind: Kind, mode: Mode, objective: Objective) -> None:
    """Compile a model's kernels in a subprocess, unless they are in Numba's cache."""
    function = choose_kernel(kind, mode).py_func
    source = Path(function.__code__.co_filename)
    own = os.environ.get("NUMBA_CACHE_DIR")  # read by Numba too
    folder = Path(own) if own else source.parent / "__pycache__"
    cached = next(folder.rglob(f"{source.stem}.{function.__name__}-*.nbi"), None)
    if can_call() and cached is None and os.access(folder, os.W_OK):
        call(__name__, "compile_here", {"kind": kind, "mode": mode, "objective": objective})


def compile_here(kind: Kind, mode: Mode, objective: Objective) -> None:
    """Compile a model's kernels in this process, by a step over no text."""
    counts = np.array([2, 1])
    tree, negatives = choose_tree(objective, 1, counts)
    rows, sampler = new_rows(2, 8, row_width(8), seed=None), make_sampler(counts)
    if kind == "word2vec":
        step = make_step(kind, mode, rows, rows, sampler, tree, 1, negatives)
    else:
        parts = Parts(rows, rows, *Ngrams(buckets=1).ids_of_many(["a", "b"]))
        targets, cbow = np.arange(2, dtype=np.int32), mode == "cbow"
        step = make_step(kind, mode, parts, targets, rows, sampler, tree, cbow, 1, negatives)
    run_on_nothing(step)


def run_on_nothing(step: Step) -> None:
    """Run a step over no text, which compiles or loads its kernel."""
    step(np.empty(0, np.int32), 0.0, 0.0, np.uint64(1))
