"""Compile a kernel in another process first, so that the compiler's memory goes with it.

The compiled code lies in Numba's cache beside the source (or in NUMBA_CACHE_DIR); the process that
trains then loads it, which saves it some 40 MB and nothing is compiled twice.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe.train.words import subprocess_call as apart
from sememe.train.words.corpus.vocabulary import Vocabulary

if TYPE_CHECKING:
    from sememe.train.words.word2vec import Word2Vec


def compile_apart(model: Word2Vec) -> None:
    """Compile what `model` trains with, unless a cache has it or there can be none."""
    folder = _cache_folder(model.kernel())
    if apart.can_call() and not _is_cached(model.kernel(), folder) and os.access(folder, os.W_OK):
        arguments = {"kind": model.kind, "mode": model.mode, "objective": model.objective}
        apart.call(__name__, "compile_here", arguments)


def compile_here(kind: str, mode: Any, objective: Any) -> None:
    """Compile what a model of this kind trains with, by one step on no text."""
    from sememe.train.words.fasttext import FastText
    from sememe.train.words.word2vec import Word2Vec

    options = {"dim": 8, "mode": mode, "objective": objective}
    model = FastText(buckets=1, **options) if kind == FastText.kind else Word2Vec(**options)
    two = Vocabulary(("a", "b"), np.array([2, 1]), n_words=3, n_sentences=1, n_distinct=2)
    step = model.make_step(two, model.new_arrays(two, {}))
    step(np.empty(0, np.int32), 0.0, 0.0, np.uint64(1))


def _cache_folder(kernel: Any) -> Path:
    own = os.environ.get("NUMBA_CACHE_DIR")  # Numba's, read here to find what it will find
    return Path(own) if own else Path(kernel.py_func.__code__.co_filename).parent / "__pycache__"


def _is_cached(kernel: Any, folder: Path) -> bool:
    name = f"{Path(kernel.py_func.__code__.co_filename).stem}.{kernel.py_func.__name__}"
    return folder.is_dir() and next(folder.rglob(f"{name}-*.nbi"), None) is not None
