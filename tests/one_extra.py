"""Run the smallest job of an extra in a process that has only that extra's packages.

    python -m tests.one_extra '{"extra": "words", "missing": ["torch"], ...}' FOLDER

`tests/test_extras.py` says which packages are missing, and expects the line that a job prints.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


class Without:
    """A finder of modules and distributions that does not find some of them."""

    def __init__(self, finder: Any, modules: Iterable[str], distributions: Iterable[str]) -> None:
        self._finder = finder
        self._modules = frozenset(modules)
        self._distributions = frozenset(distributions)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._finder, name)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find a module; None for those that are missing, as if nobody had installed them."""
        if name.partition(".")[0] in self._modules:
            return None
        return self._finder.find_spec(name, path, target)

    def find_distributions(self, *arguments: Any, **options: Any) -> Iterator[Any]:
        """Find distributions but for the missing ones: libraries ask for the versions of others."""
        find = getattr(self._finder, "find_distributions", None)
        for one in find(*arguments, **options) if find else ():
            if canonical(one.metadata["Name"]) not in self._distributions:
                yield one


def canonical(name: str) -> str:
    """Return a distribution's name in the spelling that all of them share."""
    return name.lower().replace("_", "-").replace(".", "-")


def core(folder: Path) -> str:
    import sememe

    index = sememe.Index.create(folder / "index")
    index.add([{"id": "train", "text": "고속 열차"}, {"id": "cat", "text": "Cats sleep all day."}])
    return " ".join(index.search("railway", k=1).ids)


def words(folder: Path) -> str:
    import sememe
    from sememe.space import cluster

    corpus = [["강아지가", "마당에서", "뛴다"], ["고양이가", "창가에서", "잔다"]] * 25
    model = sememe.Word2Vec(dim=8, min_count=1, seed=0).fit(corpus)
    model.save(folder / "words")
    lines = [" ".join(sentence) for sentence in corpus]
    tokenizer = sememe.SubwordTokenizer.train(lines, vocab_size=300, allow_fewer=True)
    found = cluster(sememe.KeyedVectors.load(folder / "words").matrix, k=2)
    return f"{found.k} {len(model.vectors_)} {tokenizer.decode(tokenizer.encode(lines[:1]))[0]}"


def classify(folder: Path) -> str:
    import sememe

    texts = ["정말 좋아요", "아주 훌륭해요", "정말 싫어요", "아주 형편없어요"] * 2
    texts = [f"{text} {i}" for i, text in enumerate(texts)]
    learnt = sememe.TextClassifier().fit((texts, ["긍정", "긍정", "부정", "부정"] * 2))
    again = sememe.TextClassifier.load(learnt.save(folder / "labels"))
    return " ".join(one.predict(["참 마음에 들어요"])[0] for one in (learnt, again))


def sentences(folder: Path) -> str:
    import sememe
    from tests.models.bert import checkpoints

    model = str(checkpoints.write(folder / "model"))
    rows = [len(sememe.load(f"{model}{form}").encode(["a cat sat"])[0]) for form in ("", ":int8")]
    return " ".join(map(str, rows))


def images(folder: Path) -> str:
    import numpy as np

    import sememe

    picture = np.full((40, 30, 3), 200, np.uint8)
    index = sememe.Index.create(folder / "index", ["efficientnet-lite0:conse"])
    index.add([{"id": "grey", "image": picture}])
    features = sememe.load("efficientnet-lite0").encode([picture])
    return f"{' '.join(index.search('a wall', k=1).ids)} {features.shape[1]}"


def audio(folder: Path) -> str:
    import numpy as np
    import soundfile

    import sememe
    from sememe.app.cli import main

    samples = np.sin(np.arange(16_000) / 6).astype(np.float32)
    soundfile.write(folder / "tone.flac", samples, 16_000)
    rows = sememe.Mfcc(n_mfcc=13).mfcc(str(folder / "tone.flac"))
    low = sememe.read_sound(str(folder / "tone.flac"), sample_rate=8000)
    vectors = sememe.load("mel-statistics").encode([str(folder / "tone.flac")])
    code = main(["show", str(folder / "tone.flac"), "-o", str(folder / "tone.png")])
    return f"{len(rows)} {len(low)} {len(vectors)} {code}"


def documents(folder: Path) -> str:
    import docx

    import sememe
    from tests.sources.helpers import pdf

    files = folder / "files"
    files.mkdir()
    (files / "a.pdf").write_bytes(pdf("The refund policy"))
    document = docx.Document()
    document.add_paragraph("고양이는 하루에 열네 시간쯤 잔다.")
    document.save(str(files / "b.docx"))
    index = sememe.Index.create(folder / "index")
    index.sync(files)
    return " ".join(index.search(query, k=1).ids[0] for query in ("refund", "고양이"))


def korean(folder: Path) -> str:
    import sememe

    index = sememe.Index.create(folder / "index", terms="kiwi")
    index.add([{"id": "sea", "text": "바다가 아름다웠다"}, {"id": "sky", "text": "하늘이 흐리다"}])
    return " ".join(index.search("아름답다", k=1, mode="keyword").ids)


def weights(folder: Path) -> str:
    import sememe

    vectors = sememe.load("glove-6b-50d").encode(["a cat"])
    return f"{vectors.shape[1]} {sememe.load('all-minilm-l6-v2').encode(['a cat']).shape[1]}"


def train(folder: Path) -> str:
    from sememe.app.cli import main
    from tests.models.bert import checkpoints

    base = checkpoints.write(folder / "base")
    lines = ["anchor\tpositive", *(f"the cat sat\tthe dog ran on mat {i}" for i in range(8))]
    (folder / "pairs.tsv").write_text("\n".join(lines), encoding="utf-8")
    options = ["-m", str(base), "-o", str(folder / "mine"), "--epochs", "1", "--batch-size", "4"]
    code = main(["train", "sentence", str(folder / "pairs.tsv"), *options])
    return f"{code} {(folder / 'mine' / 'model.safetensors').is_file()}"


JOBS = {
    job.__name__: job
    for job in (core, classify, words, sentences, images, audio, documents, korean, weights, train)
}


def run(order: dict[str, Any], folder: Path) -> None:
    """Hide what is missing, load the public names and the commands, and do the job."""
    gone = order["missing"], order["distributions"]
    sys.meta_path[:] = [Without(finder, *gone) for finder in sys.meta_path]
    importlib.invalidate_caches()
    loaded = {name.partition(".")[0] for name in sys.modules} & set(order["missing"])
    if loaded:
        raise SystemExit(f"loaded before they could be hidden: {sorted(loaded)}")
    import sememe

    for name in order["names"]:
        getattr(sememe, name)
    sys.stdout.write(f"\n{JOBS[order['extra']](folder)}\n")


if __name__ == "__main__":
    run(json.loads(sys.argv[1]), Path(sys.argv[2]))
