"""Sound: MFCC beside librosa, and what mel-statistics tell of environmental sounds and digits.

    python benchmarks/sounds.py [--esc ESC10] [--digits FSDD] [--hours 1] [--threads 2]

ESC10 holds a folder for each class, with the fold as the first character of each name. FSDD holds
{digit}_{speaker}_{number}.wav. Without them only speed and memory are measured, on made noise; the
clips of ESC10, when given, are those whose MFCC are compared with librosa's. Needs librosa.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

RATE = 16_000
FRAMES = {"25 ms": (512, 160, 80), "librosa's": (2048, 512, 128)}  # n_fft, hop_length, n_mels
OPTIONS = [
    {},
    {"n_fft": 512, "hop_length": 160},
    {"n_fft": 400, "hop_length": 160, "n_mels": 40, "n_mfcc": 13, "mel_scale": "htk"},
    {"mel_norm": "none"},
    {"mel_scale": "htk", "mel_norm": "none", "n_mels": 26, "n_mfcc": 26},
    {"window": "hamming", "n_fft": 1024, "win_length": 800, "hop_length": 200},
    {"window": "blackman"},
    {"window": "boxcar", "n_fft": 1001, "hop_length": 77, "win_length": 999},
    {"center": False, "n_fft": 256, "hop_length": 128, "n_mels": 32},
    {"pad_mode": "reflect"},
    {"pad_mode": "edge"},
    {"power": 1.0},
    {"power": 3.0},
    {"dct_type": 3},
    {"dct_norm": "none"},
    {"dct_type": 3, "dct_norm": "none"},
    {"lifter": 22},
    {"fmin": 100.0, "fmax": 8000.0, "n_mels": 80},
    {"top_db": None, "amin": 1e-20},
    {"top_db": 40.0, "amin": 1e-6},
]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--esc", type=Path)
    options.add_argument("--digits", type=Path)
    options.add_argument("--hours", type=float, default=1.0)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--part", help=argparse.SUPPRESS)
    told = options.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(told.threads)
    if told.part:
        part(told.part, told.threads)
        return
    print(f"load {os.getloadavg()[0]:.1f}, {told.threads} threads", flush=True)
    if told.esc:
        parity(told.esc)
    speed(told)
    if told.esc:
        evaluated("audio-retrieval", told.esc)
        for probe in ("linear", "kernel"):
            evaluated("audio-classification", told.esc, "--fold-pattern", "^.", "--probe", probe)
    if told.digits:
        names = ("--label-pattern", "^[^_]+", "--group-pattern", "_(.+)_", "--folds", "6")
        evaluated("audio-classification", told.digits, *names)


def parity(esc: Path) -> None:
    """The largest difference of 20 option sets on 50 clips, over the largest number of each."""
    import librosa
    import numpy as np

    from sememe import Mfcc, read_sound

    files = sorted(esc.rglob("*.ogg"))[::8][:50]
    worst = {"log-mel": 0.0, "MFCC": 0.0}
    for options in OPTIONS:
        mfcc = Mfcc(**options)
        for file in files:
            samples = read_sound(file, sample_rate=mfcc.sample_rate)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                mel = librosa.feature.melspectrogram(
                    y=samples, sr=mfcc.sample_rate, n_fft=mfcc.n_fft, hop_length=mfcc.hop_length,
                    win_length=mfcc.win_length, window=mfcc.window, center=mfcc.center,
                    pad_mode=mfcc.pad_mode, power=mfcc.power, n_mels=mfcc.n_mels, fmin=mfcc.fmin,
                    fmax=mfcc.fmax, htk=mfcc.mel_scale == "htk",
                    norm=None if mfcc.mel_norm == "none" else "slaney",
                )  # fmt: skip
                levels = librosa.power_to_db(mel, amin=mfcc.amin, top_db=mfcc.top_db)
                cepstra = librosa.feature.mfcc(
                    S=levels, n_mfcc=mfcc.n_mfcc, dct_type=mfcc.dct_type, lifter=mfcc.lifter,
                    norm=None if mfcc.dct_norm == "none" else "ortho",
                )  # fmt: skip
            sound = (samples, mfcc.sample_rate)
            pairs = {"log-mel": (mfcc.log_mel(sound), levels), "MFCC": (mfcc.mfcc(sound), cepstra)}
            for name, (ours, peer) in pairs.items():
                worst[name] = max(
                    worst[name], float(np.abs(ours - peer).max() / np.abs(peer).max())
                )
    sets = f"{len(OPTIONS)} option sets x {len(files)} clips, librosa {librosa.__version__}"
    print(f"parity, {sets}: " + ", ".join(f"{k} {v:.1e}" for k, v in worst.items()), flush=True)


def speed(told: argparse.Namespace) -> None:
    """Each part is a process of its own; they take turns, and the best of each counts."""
    import numpy as np
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        long = Path(folder) / "long.wav"
        rng = np.random.default_rng(0)
        with soundfile.SoundFile(long, "w", RATE, 1) as file:
            for _ in range(int(told.hours * 60)):
                file.write((0.1 * rng.standard_normal(60 * RATE)).astype("f4"))
        for name in FRAMES:
            best: dict[str, tuple[float, float]] = {}
            for _ in range(told.repeats):
                for system in ("sememe", "sememe-stream", "librosa"):
                    command = [sys.executable, __file__, "--part", f"{system}|{name}|{long}"]
                    command += ["--threads", str(told.threads)]
                    done = subprocess.run(command, capture_output=True, text=True, check=True)
                    seconds, memory = map(float, done.stdout.split())
                    best[system] = min(best.get(system, (9e9, 9e9)), (seconds, memory))
            for system, (seconds, memory) in best.items():
                times = best["librosa"][0] / seconds
                print(
                    f"MFCC of {told.hours:g} h, {name} frames, {system}: {seconds:.2f} s "
                    f"({times:.2f} x librosa), {memory:.0f} MB above the start",
                    flush=True,
                )


def part(what: str, threads: int) -> None:
    """One system on one file: seconds from the file to the MFCC, and how the peak memory grew."""
    import resource

    import librosa
    import numpy as np

    from sememe import Mfcc

    system, name, long = what.split("|")
    n_fft, hop_length, n_mels = FRAMES[name]
    mfcc = Mfcc(RATE, n_fft, hop_length, n_mels=n_mels, top_db=None, threads=threads)
    second = np.zeros(RATE, np.float32)
    librosa.feature.mfcc(y=second, sr=RATE)  # what is loaded or compiled once is not counted
    mfcc.mfcc((second, RATE))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    if system == "librosa":
        samples, _ = librosa.load(long, sr=RATE)
        mel = librosa.feature.melspectrogram(
            y=samples, sr=RATE, n_fft=n_fft, hop_length=hop_length, n_mels=n_mels
        )
        librosa.feature.mfcc(S=librosa.power_to_db(mel, top_db=None))
    elif system == "sememe":
        mfcc.mfcc(long)
    else:
        for _ in mfcc.stream_mfcc(long):
            pass
    seconds = time.perf_counter() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000
    print(seconds, grown)


def evaluated(task: str, data: Path, *more: str) -> None:
    """Quality, measured by the command line itself."""
    command = ["evaluate", task, "mel-statistics", str(data), *more]
    print("\nsememe", *command, flush=True)
    subprocess.run([sys.executable, "-m", "sememe.app.cli", *command], check=True)


if __name__ == "__main__":
    main()
