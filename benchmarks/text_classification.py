"""Texts by few labels and by many: accuracy over draws, calibration, sets, grades.

    python benchmarks/text_classification.py TRAIN TEST [--names 0=negative --names 1=positive]

TRAIN and TEST are tables of text and label. Vectors are encoded once; then, for each number of
examples of a label, the classifier is learnt from random draws of them, with and without the names,
and from all.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import sememe
from sememe.encoders.classify.text_classifier import find_bound
from sememe.encoders.classify.text_heads import to_probabilities
from sememe.evaluate.runners.few_shot import draw_shots
from sememe.sources.datasets.labelled_texts import read_labelled_texts
from sememe.train.classify.features import number_labels
from sememe.train.classify_text.classes import encode_names, order_classes
from sememe.train.classify_text.classifier import usual_base
from sememe.train.classify_text.heads import Examples
from sememe.train.classify_text.learning import learn
from sememe.train.classify_text.report import grade, measure_calibration

FOLDS = 5


def main() -> None:
    """Measure, and print a line for each number of examples."""
    options = parse()
    train, test = read_labelled_texts(options.train), read_labelled_texts(options.test)
    classes, ordered = order_classes(train.classes)
    encoder = sememe.load(options.model or usual_base())
    given = dict(one.split("=", 1) for one in options.names)
    names = encode_names(encoder, [given.get(one, one) for one in classes])
    data = Examples(
        train.items, encoder.encode(train.items), number_labels(train.labels, classes), names,
        len(classes), ordered,
    )  # fmt: skip
    vectors, truth = encoder.encode(test.items), number_labels(test.labels, classes)
    for shots in [*options.shots, None]:
        for use in [True, False] if names is not None and shots else [names is not None]:
            accuracies = []
            for draw in range(options.draws if shots else 1):
                rng = np.random.default_rng([0, draw])
                rows = draw_shots(data.y, shots, rng) if shots else np.arange(len(data.y))
                part = select(data, rows, named=use)
                started = time.perf_counter()
                learnt = learn(part, rng.permutation(len(rows)) % FOLDS)
                seconds = time.perf_counter() - started
                likely = learnt.heads.probabilities(vectors, test.items)
                accuracies.append(float((likely.argmax(axis=1) == truth).mean()))
            raw = to_probabilities(learnt.heads.vectors.logits(vectors), ordered=ordered)
            print(
                f"{shots or 'all'} examples, names {'used' if use else 'unused'}: accuracy "
                f"{np.mean(accuracies):.4f} ± {np.std(accuracies):.4f}; of the last: calibration "
                f"error {measure_calibration(likely, truth):.3f} (vectors alone "
                f"{measure_calibration(raw, truth):.3f}), {seconds:.1f} s",
                flush=True,
            )
    if ordered:
        print(grade(likely.argmax(axis=1), truth, len(classes)))
    for error in (0.1, 0.05):
        inside = 1 - likely <= find_bound(learnt.misfits, error)
        covered = inside[np.arange(len(truth)), truth].mean()
        print(f"sets at {1 - error}: hold {covered:.4f}, {inside.sum(axis=1).mean():.2f} labels")


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("--model")
    parser.add_argument("--names", action="append", default=[], metavar="LABEL=NAME")
    parser.add_argument("--shots", type=int, nargs="*", default=[8, 16, 64])
    parser.add_argument("--draws", type=int, default=10)
    return parser.parse_args()


def select(data: Examples, rows: np.ndarray, *, named: bool) -> Examples:
    """Return some of the examples."""
    texts = [data.texts[i] for i in rows.tolist()]
    names = data.names if named else None
    return Examples(texts, data.vectors[rows], data.y[rows], names, data.classes, data.ordered)


if __name__ == "__main__":
    main()
