"""Kill -9 at any moment of `sememe index`: running it again ends as if nothing had happened."""

from __future__ import annotations

import json
import multiprocessing
import random
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sememe.index.writing.sync
from sememe import Index
from sememe.app.cli import main
from sememe.encoders.text.encoder import TextEncoder
from sememe.index.writing import chunks, read
from sememe.search.store import Store
from sememe.search.table import maintenance
from tests import forked

BATCH = 32
NOUNS = "고양이 기차 바다 국수 거문고 우표 현미경 폭포 railway harbour orchestra glacier".split()
VERBS = "잔다 달린다 빛난다 자란다 사라진다 돌아온다 sleeps wanders freezes echoes".split()


def index_and_say(said: Connection, arguments: list[str]) -> int:
    """Run `sememe index` with small batches and eager merging; say what it encodes and stores.

    The encoder is told to say so before it begins, the store after the commit.
    """
    said.send(("begun", 0))
    encode, replace, compact = TextEncoder.encode_with_receipt, Store.replace, Store.compact

    def encode_and_say(self, texts, **options):
        said.send(("encoding", len(texts)))
        return encode(self, texts, **options)

    def replace_and_say(self, rows, ids=None):
        replace(self, rows, ids)
        said.send(("stored", len(rows)))

    def compact_and_say(self):
        said.send(("compacting", 0))
        compact(self)

    TextEncoder.encode_with_receipt = encode_and_say
    Store.replace, Store.compact = replace_and_say, compact_and_say
    chunks.BATCH_ROWS, read.BATCH_ITEMS = BATCH, 12
    maintenance.merge_small.__kwdefaults__["more_than"], maintenance.FEW_SMALL = 5, 3
    maintenance.drop_old_versions.__kwdefaults__["keep_seconds"] = 0.0
    return main(arguments)


Event = tuple[float, str, int]  # seconds since the start, what was said, of how many chunks


@dataclass(frozen=True)
class Run:
    """A run of the child: what it said before it ended or was killed.

    Attributes:
        events: In order.
        report: What `sememe index --json` printed; empty if it was killed.
        seconds: From start to end.
    """

    events: list[Event]
    report: dict[str, Any]
    seconds: float

    def chunks(self, word: str) -> int:
        """Chunks said to be "encoding", or "stored" by a commit that returned."""
        return sum(number for _, said, number in self.events if said == word)

    def times(self, word: str) -> int:
        return sum(said == word for _, said, _ in self.events)

    def moment(self, share: float) -> tuple[int, float]:
        """Find a moment by the run's progress: after so many events, and so many seconds more."""
        at = share * self.seconds
        before = [seconds for seconds, _, _ in self.events if seconds <= at]
        return len(before), at - before[-1]


def run(folder: Path, into: Path, *, kill: tuple[int, float] | None = None) -> Run:
    """Run `sememe index` to its end, or kill it so many seconds after so many events."""
    events: list[Event] = []
    started = 0.0
    ours, theirs = multiprocessing.Pipe(duplex=False)
    arguments = ["index", str(folder), "--into", str(into), "--json"]
    child = forked.Started(index_and_say, theirs, arguments)
    theirs.close()
    with ours, suppress(EOFError):
        while True:
            word, number = ours.recv()
            now = time.monotonic()
            started = started or now
            events.append((now - started, word, number))
            if kill and len(events) == kill[0]:
                time.sleep(kill[1])
                child.process.kill()
    done = child.wait()
    assert done.returncode == 0 or (kill and done.returncode == -signal.SIGKILL), done.stderr
    report = {} if done.returncode else json.loads(done.stdout)
    return Run(events, report, time.monotonic() - started)


def sentence(rng: random.Random) -> str:
    return f"{rng.choice(NOUNS)} {rng.randrange(10_000)} {rng.choice(NOUNS)} {rng.choice(VERBS)}."


def make_folder(folder: Path) -> None:
    """Many small texts, one big table, and a document of several batches of chunks."""
    rng = random.Random(0)
    (folder / "small").mkdir(parents=True)
    for number in range(60):
        (folder / "small" / f"{number:02}.txt").write_text(f"{number}. {sentence(rng)}")
    with (folder / "big.jsonl").open("w") as table:
        for number in range(120):
            record = {"id": number, "text": sentence(rng), "year": 1900 + number % 90}
            table.write(json.dumps(record | ({"weight": 0.5} if number > 75 else {})) + "\n")
    paragraphs = [" ".join(sentence(rng) for _ in range(12)) for _ in range(115)]
    (folder / "long.txt").write_text("\n\n".join(paragraphs))


def change_folder(folder: Path) -> None:
    """Change, remove and add files and rows; the long document changes at its end."""
    for number in range(0, 60, 4):
        (folder / "small" / f"{number:02}.txt").write_text(f"{number}. 이제는 다른 이야기다.")
        (folder / "small" / f"{number + 1:02}.txt").unlink()
    (folder / "late.txt").write_text("나중에 온 글이다.")
    lines = (folder / "big.jsonl").read_text().splitlines(keepends=True)
    kept = [line.replace("19", "20") if at % 3 == 0 else line for at, line in enumerate(lines)]
    (folder / "big.jsonl").write_text("".join(kept[10:]))
    with (folder / "long.txt").open("a") as document:
        document.write("\n\n맺음말을 덧붙인다.")


Content = dict[tuple[str, int], dict[str, Any]]


def content(path: Path) -> Content:
    """Every row of an index by id and part, each once; the checksum goes, as vectors may differ."""
    found: Content = {}
    store = Index.open(path)._store
    for batch in store.iterate():
        for row in batch.to_pylist():
            assert (row["id"], row["part"]) not in found
            del row["checksum"]
            found[row["id"], row["part"]] = {n: v for n, v in row.items() if v is not None}
    return found


def assert_same_rows(got: Content, expected: Content) -> None:
    assert got.keys() == expected.keys()
    for key, row in expected.items():
        (column,) = [name for name in row if name.startswith("vector_")]
        assert {**got[key], column: 0} == {**row, column: 0}
        np.testing.assert_allclose(got[key][column], row[column], atol=1e-5)


def assert_same_index(got: Path, expected: Path, encoder: Any) -> None:
    """Rows, what searches find, and the ledger are those of an undisturbed build."""
    assert_same_rows(content(got), content(expected))
    one, other = Index.open(got, [encoder]), Index.open(expected, [encoder])
    assert one.verify().sound
    assert one._store.sources() == other._store.sources()
    for query in ("고양이 잔다", "railway", "돌아온다"):
        hits, wanted = (index.search(query, k=20, mode="keyword") for index in (one, other))
        assert hits.ids == wanted.ids and hits.ids
        np.testing.assert_allclose([h.score for h in hits], [h.score for h in wanted], rtol=1e-6)


@dataclass(frozen=True)
class Stage:
    """One build to be interrupted.

    Attributes:
        folder: What is indexed.
        before: The index it starts from; None: there is none.
        after: The index that an undisturbed run ends with.
        undisturbed: That run.
    """

    folder: Path
    before: Path | None
    after: Path
    undisturbed: Run

    @property
    def old(self) -> Content:
        return content(self.before) if self.before else {}


def first_build(root: Path) -> Stage:
    make_folder(root / "notes")
    return Stage(root / "notes", None, root / "first", run(root / "notes", root / "first"))


def second_sync(stage: Stage) -> Stage:
    """The folder changes; the next build starts from the index of the first."""
    change_folder(stage.folder)
    after = stage.after.with_name("second")
    shutil.copytree(stage.after, after)
    return Stage(stage.folder, stage.after, after, run(stage.folder, after))


def check_killed(stage: Stage, into: Path, killed: Run) -> None:
    """The index opens and holds every acknowledged batch, each row once, none of a mixture."""
    if not (into / "sememe.json").exists():
        assert killed.times("stored") == 0
        return
    held, old, new = content(into), stage.old, content(stage.after)
    fresh = {key for key, row in held.items() if row["hash"] != old.get(key, {}).get("hash")}
    assert killed.chunks("stored") <= len(fresh) <= killed.chunks("encoding")
    for id_ in {id_ for id_, _ in fresh}:
        hashes = {row["hash"] for key, row in held.items() if key[0] == id_}
        assert hashes == {new[id_, 0]["hash"]}
    unfinished = ("lacks parts", "keyword index covers")  # until it is run again
    problems = Index.open(into).verify().problems
    assert all(any(word in problem for word in unfinished) for problem in problems), problems


def kill(stage: Stage, into: Path, share: float) -> Run:
    """Kill a build at a share of its progress; earlier if it ended before that."""
    while True:
        if stage.before:
            shutil.copytree(stage.before, into)
        killed = run(stage.folder, into, kill=stage.undisturbed.moment(share))
        if not killed.report:
            return killed
        shutil.rmtree(into)
        share *= 0.9


def resume(stage: Stage, into: Path, killed: Run, encoder: Any) -> int:
    """Run a killed build again, compare with the undisturbed one; return the chunks lost."""
    resumed = run(stage.folder, into)
    encoded = killed.chunks("encoding") + resumed.chunks("encoding")
    lost = encoded - stage.undisturbed.chunks("encoding")
    assert 0 <= lost <= BATCH
    assert resumed.chunks("encoding") == resumed.report["chunks"]
    assert_same_index(into, stage.after, encoder)
    return lost


def assert_third_reads_nothing(stage: Stage, into: Path, encoder: Any) -> None:
    def read(file):
        raise AssertionError(f"{file} was read again")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sememe.index.writing.sync, "read_file", read)
        report = Index.open(into, [encoder]).sync(stage.folder)
    assert (report.added, report.updated, report.removed, report.chunks) == (0, 0, 0, 0)


@pytest.mark.parametrize("kills", [4, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_builds_end_as_undisturbed_ones(kills, tmp_path, encoder):
    """Half of the kills hit the first build, half the sync after the folder has changed.

    The moments are spread evenly over the build, each at random within its share.
    """
    rng, runs, lost = random.Random(kills), [], []
    stage = first_build(tmp_path)
    for half in range(2):
        if half:
            stage = second_sync(stage)
        assert stage.undisturbed.times("stored") >= 6, "too few commits for the kills to bite"
        assert stage.undisturbed.chunks("encoding") == stage.undisturbed.report["chunks"]
        for number in range(kills // 2):
            into = tmp_path / f"killed-{half}-{number}"
            runs.append(kill(stage, into, (number + rng.random()) / (kills // 2)))
            check_killed(stage, into, runs[-1])
            lost.append(resume(stage, into, runs[-1], encoder))
            assert_third_reads_nothing(stage, into, encoder)
            shutil.rmtree(into)
    writing = sum(run.times("encoding") > run.times("compacting") for run in runs)
    tidying = sum(run.times("compacting") for run in runs)
    print(  # noqa: T201 (shown with -s: the figures of a run)
        f"{kills} kills: {len(runs) - writing - tidying} before the first batch, "
        f"{writing} among the batches, {tidying} while tidying; "
        f"{sum(map(bool, lost))} cost a batch, {max(lost)} chunks at most"
    )
    assert writing


def test_what_left_the_folder_after_the_kill_leaves_the_index(tmp_path, encoder):
    """Files and rows stored by a build that never ended are forgotten like any others."""
    make_folder(tmp_path / "notes")
    killed = run(tmp_path / "notes", tmp_path / "killed", kill=(14, 0.02))
    assert killed.times("stored") >= 5
    change_folder(tmp_path / "notes")
    run(tmp_path / "notes", tmp_path / "killed")
    run(tmp_path / "notes", tmp_path / "fresh")
    assert_same_index(tmp_path / "killed", tmp_path / "fresh", encoder)
