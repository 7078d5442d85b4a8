import subprocess
import sys

import pytest

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.evaluate import TASKS, run_task

FAST = {"resamples": 20}


@pytest.fixture
def data(tmp_path):
    """One small set for each task; the texts of one number belong together."""
    files = {
        "bitext/ko-en.en": "".join(f"en {i}\n" for i in range(20)),
        "bitext/ko-en.ko": "".join(f"ko {i}\n" for i in range(20)),
        "bitext/README": "what this is\n",
        "sts/sts-test.tsv": "".join(
            f"ko {i}\ten {i - i % 2}\t{5 * (i % 2 == 0)}\n" for i in range(20)
        ),
        "word-similarity/words.csv": "".join(
            f"ko {i},en {i - i % 2},{5 * (i % 2 == 0)}\n" for i in range(20)
        ),
        "retrieval/corpus.jsonl": "".join(
            f'{{"_id": "{i}", "title": "", "text": "en {i}"}}\n' for i in range(20)
        ),
        "retrieval/queries.jsonl": "".join(
            f'{{"_id": "q{i}", "text": "ko {i}"}}\n' for i in range(20)
        ),
        "retrieval/qrels/test.tsv": "".join(f"q{i}\t{i}\t1\n" for i in range(20)),
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


OTHERS = {"analogies", "masked", "probe", "zero-shot", "image-retrieval", "speech"}
OTHERS |= {"audio-classification", "audio-retrieval"}  # see their files


@pytest.mark.parametrize("task", sorted(set(TASKS) - OTHERS))
def test_every_task_reads_and_runs(task, data, knowing):
    encoder = knowing([(f"ko {i}", f"en {i}") for i in range(20)])
    path = data / task / "words.csv" if task == "word-similarity" else data / task
    result = run_task(task, encoder, path, **FAST)
    assert (result.task, result.n, result.covered) == (task, 20, 1)
    assert max(result.metrics.values()) > 0.8


def test_bitext_takes_two_paths_and_keeps_their_order(tmp_path, table_encoder):
    """Directions (1, 0) and (0, 1) find (1, 0.1) and (1, 0.3); both of these find (1, 0)."""
    (tmp_path / "s").write_text("s0\ns1\n")
    (tmp_path / "t").write_text("t0\nt1\n")
    encoder = table_encoder({"s0": (1, 0), "s1": (0, 1), "t0": (1, 0.1), "t1": (1, 0.3)})
    there = run_task("bitext", encoder, [tmp_path / "s", str(tmp_path / "t")], **FAST).metrics
    back = run_task("bitext", encoder, [tmp_path / "t", tmp_path / "s"], **FAST).metrics
    assert (there["source_to_target"], there["target_to_source"]) == (1, 0.5)
    assert (back["source_to_target"], back["target_to_source"]) == (0.5, 1)


def test_unknown_task_lists_the_tasks(random_encoder, data):
    with pytest.raises(UnknownNameError, match=r"task='retrival' .*Did you mean 'retrieval'\?"):
        run_task("retrival", random_encoder, data)


@pytest.mark.parametrize(
    ("task", "names", "says"),
    [
        ("sts", ["absent.tsv"], "no such file or folder: .*absent.tsv. Give a tab-separated table"),
        ("sts", ["sts", "sts"], "got 2 paths for 'sts'"),
        ("bitext", ["bitext/ko-en.ko"], "for 'bitext'. Give two files"),
        ("retrieval", ["bitext"], r"has no corpus\.jsonl"),
        ("word-similarity", ["sts"], "is not a file"),
        ("sts", [], "no such file"),
    ],
)
def test_bad_data_says_what_to_give(task, names, says, data, random_encoder):
    with pytest.raises(InvalidInputError, match=says):
        run_task(task, random_encoder, [data / name for name in names])


def test_an_index_is_no_encoder(data):
    class Index:
        def search(self, query, *, k=10, mode="hybrid"):
            return []

    assert run_task("retrieval", Index(), data / "retrieval", **FAST).metrics["nDCG@10"] == 0
    with pytest.raises(InvalidInputError, match=r"task 'sts' got Index.*allowed: a text encoder"):
        run_task("sts", Index(), data / "sts")


def test_import_is_light():
    heavy = "scipy sklearn pandas torch onnxruntime rich lance pyarrow".split()
    code = f"import sys, sememe.evaluate; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
