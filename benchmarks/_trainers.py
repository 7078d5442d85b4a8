"""The systems that words.py compares: each trains on one tokenised file and writes its vectors.

Equal settings for all: dim 100, window 5, 5 negatives, subsampling 1e-3, words seen at least 5
times, subwords of 3 to 6 letters in 2 million buckets. Everything else is the maker's default:
learning rate 0.025 in gensim, 0.05 in fastText, which takes no seed from Python.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

DIM, WINDOW, NEGATIVES, SUBSAMPLE, MIN_COUNT = 100, 5, 5, 1e-3, 5
MIN_N, MAX_N, BUCKETS = 3, 6, 2_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """What to train: a file, so many epochs and threads, a seed, where the vectors go."""

    text: str
    epochs: int
    threads: int
    seed: int
    out: Path


@dataclass(frozen=True, slots=True)
class Trainer:
    """One system.

    Attributes:
        label: What the table calls it.
        module: What must be installed.
        rival: The label of the system of sememe's that it is compared with, "" for sememe's own.
        train: Trains; returns seconds of training alone and of the whole fit.
    """

    label: str
    module: str
    rival: str
    train: Callable[[Job], tuple[float, float]]


def write(path: Path, words: list[str], rows: Any) -> None:
    """Write vectors in word2vec's binary format, which gensim reads."""
    with path.open("wb") as file:
        file.write(f"{len(words)} {DIM}\n".encode())
        for word, row in zip(words, rows, strict=True):
            file.write(word.encode() + b" " + np.asarray(row, dtype="<f4").tobytes() + b"\n")


def _sememe(kind: str, mode: str) -> Callable[[Job], tuple[float, float]]:
    """Training alone is what the model's own report says, the kernels being compiled."""

    def train(job: Job) -> tuple[float, float]:
        options: dict[str, Any] = {
            "mode": mode, "dim": DIM, "window": WINDOW, "negatives": NEGATIVES,
            "subsample": SUBSAMPLE, "min_count": MIN_COUNT, "epochs": job.epochs,
            "seed": job.seed, "workers": job.threads, "tokens": "whitespace",
        }  # fmt: skip
        started = time.perf_counter()
        if kind == "word2vec":
            from sememe.train.words.word2vec import Word2Vec

            model = Word2Vec(**options)
        else:
            from sememe.train.words.fasttext import FastText

            model = FastText(min_n=MIN_N, max_n=MAX_N, buckets=BUCKETS, **options)
        vectors = model.fit(job.text).vectors_
        fit = time.perf_counter() - started
        write(job.out, list(vectors.keys), vectors.matrix)
        return model.report_.seconds_training, fit

    return train


def _gensim(sg: int) -> Callable[[Job], tuple[float, float]]:
    """In corpus_file mode, gensim's faster one."""

    def train(job: Job) -> tuple[float, float]:
        started = time.perf_counter()
        from gensim.models import Word2Vec

        model = Word2Vec(
            vector_size=DIM, window=WINDOW, negative=NEGATIVES, sample=SUBSAMPLE,
            min_count=MIN_COUNT, workers=job.threads, sg=sg, seed=job.seed, epochs=job.epochs,
        )  # fmt: skip
        model.build_vocab(corpus_file=job.text)
        ready = time.perf_counter()
        model.train(
            corpus_file=job.text, total_words=model.corpus_total_words,
            total_examples=model.corpus_count, epochs=job.epochs,
        )  # fmt: skip
        ended = time.perf_counter()
        write(job.out, model.wv.index_to_key, model.wv.vectors)
        return ended - ready, ended - started

    return train


def _fasttext(job: Job) -> tuple[float, float]:
    """Training alone is the whole less a fit of no epochs, which reads the words and makes room."""
    import fasttext

    def fit(epochs: int) -> tuple[float, Any]:
        started = time.perf_counter()
        model = fasttext.train_unsupervised(
            job.text, model="skipgram", dim=DIM, ws=WINDOW, neg=NEGATIVES, t=SUBSAMPLE,
            minCount=MIN_COUNT, minn=MIN_N, maxn=MAX_N, bucket=BUCKETS, epoch=epochs,
            thread=job.threads, verbose=0,
        )  # fmt: skip
        return time.perf_counter() - started, model

    whole, model = fit(job.epochs)
    words = [word for word in model.words if word != "</s>"]
    write(job.out, words, (model.get_word_vector(word) for word in words))
    del model
    return whole - fit(0)[0], whole


TRAINERS = {
    "sememe-skipgram": Trainer("sememe, skip-gram", "sememe", "", _sememe("word2vec", "skipgram")),
    "gensim-skipgram": Trainer("gensim, skip-gram", "gensim", "sememe-skipgram", _gensim(1)),
    "sememe-cbow": Trainer("sememe, CBOW", "sememe", "", _sememe("word2vec", "cbow")),
    "gensim-cbow": Trainer("gensim, CBOW", "gensim", "sememe-cbow", _gensim(0)),
    "sememe-subwords": Trainer("sememe, subwords", "sememe", "", _sememe("fasttext", "skipgram")),
    "fasttext-subwords": Trainer(
        "fastText C++, subwords", "fasttext", "sememe-subwords", _fasttext
    ),
}
