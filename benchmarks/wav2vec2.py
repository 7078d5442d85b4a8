"""wav2vec 2.0 on spoken words without labels: training time, a probe on unseen speakers, controls.

    python benchmarks/wav2vec2.py --recordings FSDD/recordings [--epochs 40] [--leave-out theo]

The recordings are named WORD_SPEAKER_NUMBER.wav (the Free Spoken Digit Dataset). Labels measure and
never train. For each speaker in turn a linear layer learns the words from the others' mean frame
vectors and is asked about those of that speaker; the layer of the network is the one that does best
on each of the others in the same way. Controls: the network before training, and one trained on
noise as long as the recordings, whose alarm is to ring.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from pathlib import Path

from _shared import head, machine, row, run, versions

from sememe.train.wav2vec2.recipe import Wav2Vec2Training

RATE = 8000
STRENGTH = 0.01  # of the probe's penalty


def data(options: argparse.Namespace):
    """Return all recordings, and the word and the speaker of each."""
    import numpy as np

    from sememe.train.data.waveforms import find_sounds, read_waveforms

    sounds = read_waveforms(find_sounds(options.recordings)[0], sample_rate=RATE)
    names = [Path(source).stem.split("_") for source in sounds.sources]
    return (
        sounds,
        np.unique([name[0] for name in names], return_inverse=True)[1],
        np.array([name[1] for name in names]),
    )


def accuracy(rows, words, taught, asked) -> float:
    from sememe.space.linear_probe import LinearProbe

    probe = LinearProbe(regularization=STRENGTH).fit(rows[taught], words[taught])
    return float((probe.probabilities(rows[asked]).argmax(1) == words[asked]).mean())


def probed(model, sounds, words, speakers) -> dict[str, tuple[float, int]]:
    """Return for each speaker, unseen, the accuracy and the layer that was chosen."""
    import numpy as np

    from sememe.train.wav2vec2.layer_probe import mean_layers

    layers = mean_layers(model.eval(), sounds, np.arange(len(sounds)))
    everyone, found = np.unique(speakers), {}
    for one in everyone:
        others = speakers != one
        scores = [
            np.mean([accuracy(rows, words, others & (speakers != s), speakers == s)
                     for s in everyone if s != one])
            for rows in layers
        ]  # fmt: skip
        best = int(np.argmax(scores))
        found[str(one)] = accuracy(layers[best], words, others, ~others), best
    return found


def work(kind: str, options: argparse.Namespace) -> None:
    """Train once; print JSON."""
    import numpy as np
    import torch

    from sememe.train.wav2vec2.network import get_shape, make_network

    torch.set_num_threads(options.threads)
    sounds, words, speakers = data(options)
    entries = get_shape(options.size).entries
    if kind == "untrained":
        model = make_network(options.size, RATE, codebooks=2, entries=entries, seed=options.seed)
        print(json.dumps({"probed": probed(model, sounds, words, speakers)}))
        return
    rng = np.random.default_rng(options.seed)
    places = [i for i, one in enumerate(speakers) if one != options.leave_out]
    given = [
        (rng.normal(size=len(sounds[i])) if kind == "noise" else sounds[i], RATE) for i in places
    ]
    training = Wav2Vec2Training(
        size=options.size,
        sample_rate=RATE,
        epochs=options.control_epochs if kind == "noise" else options.epochs,
        seed=options.seed,
    )
    wall, busy = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        training.fit(given)
    last = training.report_.figures[-1]
    found = {
        "wall": time.perf_counter() - wall,
        "busy": time.process_time() - busy,
        "usage": last.usage,
        "perplexity": last.perplexity,
        "apart": [last.accuracy, last.chance],
        "notes": training.report_.notes,
        "probed": probed(training.model_, sounds, words, speakers),
    }
    print(json.dumps(found))


def main() -> None:
    """Measure all three and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=Path, required=True)
    parser.add_argument("--size", default="tiny")
    parser.add_argument("--epochs", type=float, default=Wav2Vec2Training.epochs)
    parser.add_argument("--control-epochs", type=float, default=5)
    parser.add_argument("--leave-out", help="A speaker whose recordings are not trained on.")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options)
        return
    print(machine(options.threads))
    print(versions("sememe", "torch", "transformers"), "\n")
    print(
        head("network", "mean", "by speaker", "masked frame accuracy", "codebooks used", "minutes")
    )
    for kind in ("untrained", "speech", "noise"):
        argv = [sys.executable, __file__, *sys.argv[1:], "--work", kind]
        ended = run(argv, threads=options.threads)
        if ended.code:
            sys.exit(f"{kind}: {ended.why}")
        print(told(kind, ended.last), flush=True)
        for note in ended.last.get("notes", ()):
            print(f"\n{kind}: {note}\n")


def told(kind: str, found) -> str:
    by = found["probed"]
    mean = sum(value for value, _ in by.values()) / len(by)
    each = ", ".join(f"{name} {value:.3f} (layer {layer})" for name, (value, layer) in by.items())
    if "wall" not in found:
        return row(kind, f"{mean:.4f}", each, "", "", "")
    right, chance = found["apart"]
    apart = f"{right:.1%}, by chance {chance:.1%}"
    used = f"{found['usage']:.0%}, perplexity {found['perplexity']:.1f}"
    minutes = f"{found['wall'] / 60:.1f}, of processors {found['busy'] / 60:.1f}"
    return row(kind, f"{mean:.4f}", each, apart, used, minutes)


if __name__ == "__main__":
    main()
