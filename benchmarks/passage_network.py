"""Make models/e5/passages.npz, what the network for passages adds to multilingual-e5-small's.

    pip install -e '.[train]'
    python benchmarks/passage_network.py --english wiki_en.txt --korean wiki_ko.txt \
        --sentences docs.txt -o passages.npz       # an hour on two cores

The network with all tokens is the teacher. Its vectors for 12,000 passages of 20 to 250 tokens,
half of either language (from articles with an empty line between them; some begin with the first
words of their article, as passages do with a title), and for 1,000 of four lines of --sentences
each, are what the student is to give with tokens merged: first more of them than in use, then as
in use. It learns factors of rank 16 for each matrix, biases and norms; the loss is 1 - cosine, and
how far the similarities of a batch's passages are from the teacher's, without what tells languages
apart. Reports the cosine on 300 passages that are not trained on.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from sememe.models.bert.merging import FIRST, PADDING, PRICE, Merging
from sememe.models.bert.weights import BertWeights
from sememe.models.e5.passage_network import MERGING
from sememe.models.onnx.batches import split_by_budget
from sememe.models.onnx.transformer import Layer

STAGES = ((Merging((0, 1, 2), divisor=3), 25, 1e-3), (MERGING, 22, 7e-4))  # minutes, learning rate
RANK, BUDGET, HELD_OUT, EACH = 16, 4096, 300, 6000
MATRICES = ("qkv", "out", "up", "down")
Ids = Sequence[Sequence[int]]


class Student(nn.Module):
    """The network, with what is learnt: see `sememe.models.e5.passage_network`."""

    def __init__(self, weights: BertWeights) -> None:
        super().__init__()
        self.weights = weights
        self.positions = torch.tensor(weights.positions)
        self.norm = [torch.tensor(part) for part in weights.norm]
        self.layers = [_read(weights.layers[i]) for i in range(len(weights.layers))]
        self.changes = nn.ParameterDict()
        for name, value in self.layers[0].items():
            shape = (len(self.layers), *value.shape)
            if name in MATRICES:
                start = torch.randn(shape[0], shape[1], RANK) / math.sqrt(shape[1])
                self.changes[f"{name}/a"] = nn.Parameter(start)
                self.changes[f"{name}/b"] = nn.Parameter(torch.zeros(shape[0], RANK, shape[2]))
            else:
                self.changes[name.replace(".", "/")] = nn.Parameter(torch.zeros(shape))

    def forward(self, ids: Ids, merging: Merging) -> torch.Tensor:
        """Return (n, dim) unit rows."""
        lengths = torch.tensor([len(row) for row in ids])
        padded = np.ones((len(ids), int(lengths.max())), np.int64)
        for row, own in zip(padded, ids, strict=True):
            row[: len(own)] = own
        used, places = np.unique(padded, return_inverse=True)
        places = torch.tensor(places.reshape(padded.shape))
        words = torch.tensor(self.weights.words.rows(used))[places]
        x = self._normalise(words + self.positions[: padded.shape[1]], *self.norm)
        sizes = (torch.arange(padded.shape[1]) < lengths[:, None]).float()
        for number in range(len(self.layers)):
            if number in merging.layers:
                x, sizes = merge(x, sizes, merging)
            x = self._layer(x, sizes, number)
        pooled = torch.einsum("nt,ntd->nd", sizes / sizes.sum(dim=1, keepdim=True), x)
        return F.normalize(pooled, dim=1)

    def _layer(self, x: torch.Tensor, sizes: torch.Tensor, number: int) -> torch.Tensor:
        n, t, dim = x.shape

        def get(name: str) -> torch.Tensor:
            change = self.changes[name.replace(".", "/")][number]
            return self.layers[number][name] + change

        def product(name: str, x: torch.Tensor) -> torch.Tensor:
            a, b = (self.changes[f"{name}/{side}"][number] for side in "ab")
            return x @ self.layers[number][name] + (x @ a) @ b + get(f"{name}_bias")

        heads = (
            part.view(n, t, self.weights.heads, -1).transpose(1, 2)
            for part in product("qkv", x).split(dim, dim=-1)
        )
        hidden = torch.where(sizes > 0, 0.0, -1e9)[:, None, None, :]
        seen = F.scaled_dot_product_attention(*heads, attn_mask=hidden)
        x = x + product("out", seen.transpose(1, 2).reshape(n, t, dim))
        x = self._normalise(x, get("norm1.gain"), get("norm1.bias"))
        x = x + product("down", F.gelu(product("up", x)))
        return self._normalise(x, get("norm2.gain"), get("norm2.bias"))

    def _normalise(self, x: torch.Tensor, gain: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], gain, bias, self.weights.epsilon)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what is learnt, in the form of the file; the factors are of like size."""
        found = {name.replace("/", "."): x.detach().numpy() for name, x in self.changes.items()}
        for name in MATRICES:
            a, b = found[f"{name}.a"], found[f"{name}.b"]
            scale = np.sqrt(np.abs(b).max(axis=(1, 2)) / np.abs(a).max(axis=(1, 2)))[:, None, None]
            found[f"{name}.a"], found[f"{name}.b"] = a * scale, b / scale
        return {name: array.astype(np.float16) for name, array in found.items()}


def _read(layer: Layer) -> dict[str, torch.Tensor]:
    found = {}
    for field in fields(layer):
        value = getattr(layer, field.name)
        if isinstance(value, tuple):
            found[f"{field.name}.gain"], found[f"{field.name}.bias"] = map(torch.tensor, value)
        else:
            found[field.name] = torch.tensor(value)
    return found


def merge(
    x: torch.Tensor, sizes: torch.Tensor, merging: Merging
) -> tuple[torch.Tensor, torch.Tensor]:
    """Merge tokens as `sememe.models.bert.merging` does: (N, T, dim) and (N, T) to (N, T', ...)."""
    count = (sizes > 0).sum(dim=1)
    merged = ((count - merging.kept).clamp(min=0) // merging.divisor).minimum((count + 1) // 2 - 1)
    units, price = F.normalize(x.detach(), dim=2), PRICE * sizes.clamp(min=1).log()
    price = torch.where(sizes > 0, price, torch.tensor(PADDING))
    near = units[:, ::2] @ units[:, 1::2].transpose(1, 2) - price[:, None, 1::2]
    best, partner = near.max(dim=2)
    best = best - price[:, ::2]
    best[:, 0] -= FIRST
    order = best.argsort(dim=1, descending=True, stable=True)
    leaves = order.argsort(dim=1) < merged[:, None]
    stays = torch.ones_like(sizes, dtype=torch.bool)
    stays[:, ::2] = ~leaves
    places = stays.cumsum(dim=1) - 1
    places[:, ::2] = torch.where(leaves, places[:, 1::2].gather(1, partner), places[:, ::2])
    rows = torch.arange(int((count - merged).max()))
    shares = (places[:, None, :] == rows[:, None]) * sizes[:, None]
    total = shares.sum(dim=2)
    return shares @ x / total[..., None].clamp(min=1), total


def read_passages(path: Path, words: float, rng: random.Random) -> list[str]:
    """Return EACH passages of articles with an empty line between them; words: of a long one."""
    found: list[str] = []
    articles = path.read_text(encoding="utf-8").split("\n\n")
    rng.shuffle(articles)
    for article in articles:
        parts = article.split(" ")
        if len(parts) < 40:
            continue
        for _ in range(2):
            size = int(rng.choice([0.1, 0.2, 0.4, 0.8, 1, 1]) * words)
            start = rng.randrange(max(1, len(parts) - size))
            text = " ".join(parts[start : start + size])
            title = " ".join(parts[:3]) + "\n" if rng.random() < 0.4 else ""
            found.append(title + text)
    return found[:EACH]


def batches(lengths: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the numbers of passages of like length, again and again."""
    while True:
        own = rng.permutation(len(lengths))
        parts = [own[start : start + 600] for start in range(0, len(own), 600)]
        found = [part[b] for part in parts for b in split_by_budget(lengths[part], BUDGET)]
        for i in rng.permutation(len(found)):
            yield found[i]


def main() -> None:
    """Read the texts, teach the network and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("english", "korean", "sentences", "output"):
        parser.add_argument(f"--{name}", f"-{name[0]}", type=Path, required=True)
    options = parser.parse_args()
    import sememe
    from sememe.models.e5.combination import read_combination

    rng = random.Random(7)
    texts = read_passages(options.english, 185, rng) + read_passages(options.korean, 100, rng)
    lines = options.sentences.read_text(encoding="utf-8").splitlines()[: 4 * 1000]
    texts += [" ".join(lines[i : i + 4]) for i in range(0, len(lines), 4)]
    rng.shuffle(texts)
    teacher = sememe.load("multilingual-e5-small").documents
    ids = [row[:256] for row in teacher.tokenizer.encode_marked(texts)]
    rows = read_combination().remove_language(teacher.network.forward(ids), "document")
    targets = torch.tensor(rows)
    student = Student(teacher.network._weights)
    for merging, minutes, rate in STAGES:
        teach(student, ids, targets, merging, minutes=minutes, rate=rate)
        np.savez(options.output, **student.arrays())


def teach(
    student: Student,
    ids: Ids,
    targets: torch.Tensor,
    merging: Merging,
    *,
    minutes: float,
    rate: float,
) -> None:
    """Train for so many minutes, the rate rising for 30 steps and then falling to zero."""
    from sememe.models.e5.combination import read_combination

    how = read_combination()
    mean, directions = torch.tensor(how.means["document"]), torch.tensor(how.directions)

    def vectors(chosen: np.ndarray) -> torch.Tensor:
        rows = student([ids[i] for i in chosen], merging) - mean
        return F.normalize(rows - (rows @ directions.T) @ directions, dim=1)

    factors = [x for name, x in student.changes.items() if name[-2:] in ("/a", "/b")]
    others = [x for name, x in student.changes.items() if name[-2:] not in ("/a", "/b")]
    groups = [{"params": factors, "lr": rate}, {"params": others, "lr": rate / 3}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0)
    peaks = [group["lr"] for group in optimizer.param_groups]
    lengths, begin = np.array([len(row) for row in ids]), time.monotonic()
    stream = batches(lengths[HELD_OUT:], np.random.default_rng(0))
    for step, batch in enumerate(stream, 1):
        done = (time.monotonic() - begin) / (60 * minutes)
        if done >= 1:
            break
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * min(1, step / 30) * (1 + math.cos(math.pi * done)) / 2
        chosen = batch + HELD_OUT
        rows, right = vectors(chosen), targets[chosen]
        loss = (1 - (rows * right).sum(dim=1)).mean()
        if len(chosen) > 3:
            both = right @ right.T
            loss = loss + (rows @ right.T - both).square().mean().sqrt()
            loss = loss + (rows @ rows.T - both).square().mean().sqrt() / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        parts = split_by_budget(lengths[:HELD_OUT], BUDGET)
        cosines = torch.cat([(vectors(p) * targets[p]).sum(dim=1) for p in parts])
    print(f"{step} steps; cosine to the teacher's vectors {cosines.mean():.4f}", flush=True)


if __name__ == "__main__":
    main()
