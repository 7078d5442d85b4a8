"""Syncing a folder: only what changed is encoded, what left leaves, nothing else is touched."""

from __future__ import annotations

import os
import shutil
import unicodedata
from dataclasses import replace

import pytest

import sememe
from sememe import Index, InvalidInputError, Item, Skipped
from sememe.index.writing import chunks, sync
from sememe.index.writing.chunks import find_heading
from sememe.search.store import Store
from tests.sounds import tone, write


@pytest.fixture
def index(tmp_path, encoder):
    return Index.create(tmp_path / "index", [encoder])


def counts(report):
    return (report.added, report.updated, report.unchanged, report.removed)


def test_a_folder_is_found_by_meaning(index, folder):
    assert counts(index.sync(folder)) == (4, 0, 0, 0)
    hit = index.search("비행기로 바다를 건너다", k=1, mode="semantic")[0]
    assert hit.id == hit.source == "notes/trips/plane.txt"
    assert index.search("railway", k=1, mode="semantic").ids == ["notes/trips/train.txt"]


def test_a_second_sync_encodes_nothing(index, folder):
    index.sync(folder)
    report = index.sync(folder)
    assert counts(report) == (0, 0, 4, 0)
    assert report.chunks == 0


def test_a_touched_file_is_read_but_not_encoded(index, folder):
    index.sync(folder)
    (folder / "cat.md").touch()
    report = index.sync(folder)
    assert (counts(report), report.chunks) == ((0, 0, 4, 0), 0)


def test_changed_new_and_removed_files(index, folder):
    index.sync(folder)
    (folder / "cat.md").write_text("강아지가 마당을 뛰어다닌다.")
    (folder / "new.txt").write_text("새로운 소식이 왔다.")
    (folder / "soup.txt").unlink()
    assert counts(index.sync(folder)) == (1, 1, 2, 1)
    assert index.search("고양이", mode="keyword").ids == []
    assert index.search("강아지", mode="keyword").ids == ["notes/cat.md"]
    assert "notes/soup.txt" not in index.search("broth", k=10, mode="semantic").ids
    assert index.verify().sound


def test_rows_of_a_table_come_change_and_go_one_by_one(index, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("id,text\n1,사과는 붉다\n2,바나나는 노랗다\n3,포도는 달다\n")
    assert counts(index.sync(table)) == (3, 0, 0, 0)
    table.write_text("id,text\n1,사과는 붉다\n2,바나나는 길다\n4,귤은 시다\n")
    assert counts(index.sync(table)) == (1, 1, 1, 1)
    assert index.search("포도", mode="keyword").ids == []
    assert index.search("바나나", mode="keyword").ids == ["table.csv#2"]


def test_two_folders_and_added_items_leave_each_other_alone(index, folder, tmp_path):
    other = tmp_path / "more" / "notes"
    other.mkdir(parents=True)
    (other / "cat.md").write_text("다른 폴더의 고양이")
    index.add([("mine", "내가 넣은 글")])
    index.sync(folder)
    index.sync(other)
    assert len(index) == 6
    (folder / "cat.md").unlink()
    assert index.sync(folder).removed == 1
    assert set(index.search("고양이", mode="keyword").ids) == {"notes-2/cat.md"}
    assert index.search("내가 넣은", k=1, mode="keyword").ids == ["mine"]


def test_a_moved_folder_keeps_its_place(index, folder, tmp_path):
    index.sync(folder)
    (tmp_path / "elsewhere").mkdir()
    moved = folder.rename(tmp_path / "elsewhere" / "notes")
    assert counts(index.sync(moved)) == (0, 0, 4, 0)
    assert len(index) == 4


def test_a_moved_folder_may_have_changed_on_the_way(index, folder, tmp_path):
    index.sync(folder)
    (tmp_path / "elsewhere").mkdir()
    moved = folder.rename(tmp_path / "elsewhere" / "notes")
    (moved / "cat.md").write_text("강아지가 마당을 뛰어다닌다.")
    (moved / "soup.txt").unlink()
    assert counts(index.sync(moved)) == (0, 1, 2, 1)


def test_another_folder_of_the_name_does_not_take_the_place_of_one_that_is_gone(
    index, folder, tmp_path
):
    """A disk that is not there today: what is known of its folder stays."""
    index.sync(folder)
    folder.rename(tmp_path / "unplugged")
    other = tmp_path / "elsewhere" / "notes"
    other.mkdir(parents=True)
    (other / "cat.md").write_text("다른 폴더의 고양이")
    assert counts(index.sync(other)) == (1, 0, 0, 0)
    assert set(index.search("고양이", mode="keyword").ids) == {"notes/cat.md", "notes-2/cat.md"}
    (tmp_path / "unplugged").rename(folder)
    assert counts(index.sync(folder)) == (0, 0, 4, 0)


def test_what_cannot_be_used_is_listed_with_its_reason_every_time(index, folder):
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    (folder / "song.mp3").write_bytes(b"ID3" + bytes(100))
    (folder / "fake.txt").write_bytes(bytes(range(256)) * 20)
    (folder / "empty.txt").write_text("")
    for _ in range(2):
        reasons = {s.source: s.reason for s in index.sync(folder).skipped}
        assert reasons["notes/photo.jpg"].startswith("cut off or damaged")
        assert reasons["notes/song.mp3"].startswith("cut off or damaged")
        assert reasons["notes/fake.txt"].startswith("binary")
        assert reasons["notes/empty.txt"].startswith("empty")


def test_an_empty_folder_is_no_error_and_a_missing_one_is(index, tmp_path):
    (tmp_path / "void").mkdir()
    assert counts(index.sync(tmp_path / "void")) == (0, 0, 0, 0)
    with pytest.raises(InvalidInputError, match="does not exist"):
        index.sync(tmp_path / "nowhere")


def test_the_index_inside_its_own_folder_is_not_indexed(folder, encoder):
    index = Index.create(folder / ".index", [encoder])
    inner = Index.create(folder / "visible-index", [encoder])
    assert index.sync(folder).added == 4
    assert inner.sync(folder).added == 4
    assert index.sync(folder).added == 0


def test_metadata_of_files_can_be_filtered_by(index, folder):
    (folder / "post.md").write_text("---\nyear: 2024\nauthor: 김민수\n---\n# 봄\n벚꽃이 피었다.")
    index.sync(folder)
    hits = index.search("꽃", where="year = 2024")
    assert hits.ids == ["notes/post.md"]
    assert hits[0].metadata["author"] == "김민수"
    assert index.search("고양이", where="source LIKE '%trips%'", mode="keyword").ids == []


def test_a_file_that_gave_nothing_is_tried_again(index, folder, monkeypatch):
    """Its size and time are as before, but now there is a library for it."""
    pdf = folder / "report.pdf"
    pdf.write_bytes(b"%PDF-1.4")

    def without_library(file):
        unread = Skipped(file.source, "needs pypdf")
        yield unread if file.path == pdf else Item(file.source, "글", source=file.source)

    def with_library(file):
        yield Item(file.source, "보고서의 글", source=file.source)

    monkeypatch.setattr(sync, "read_file", without_library)
    assert counts(index.sync(folder)) == (4, 0, 0, 0)
    version = index._store._ledger.version
    assert counts(index.sync(folder)) == (0, 0, 4, 0)
    assert index._store._ledger.version == version  # nothing changed: nothing is written
    monkeypatch.setattr(sync, "read_file", with_library)
    assert counts(index.sync(folder)) == (1, 0, 4, 0)
    assert counts(index.sync(folder)) == (0, 0, 5, 0)


@pytest.mark.parametrize("lost", ["trips", ""])
def test_what_lies_in_a_folder_that_cannot_be_listed_stays(index, folder, monkeypatch, lost):
    index.sync(folder)
    listdir = os.listdir

    def refuse(path):
        if path == folder / lost:
            raise PermissionError(13, "Permission denied")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refuse)
    report = index.sync(folder)
    assert report.removed == 0
    (note,) = report.skipped
    assert note.source == f"notes/{lost}"
    assert "cannot be listed" in note.reason
    monkeypatch.setattr(os, "listdir", listdir)
    assert counts(index.sync(folder)) == (0, 0, 4, 0)


def test_files_of_one_name_in_folders_of_one_name_are_told_apart(index, tmp_path):
    paths = [tmp_path / place / "d" / "a.txt" for place in ("x", "y", "z")]
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True)
        path.write_text(f"글 {number}")
        index.sync(path)
    (tmp_path / "w" / "d").mkdir(parents=True)
    (tmp_path / "w" / "d" / "b.txt").write_text("폴더의 글")
    assert counts(index.sync(tmp_path / "w" / "d")) == (1, 0, 0, 0)
    assert len(index) == 4
    assert all(counts(index.sync(path)) == (0, 0, 1, 0) for path in paths)


def test_folders_and_files_are_brought_up_to_date_together(index, folder, tmp_path):
    single = tmp_path / "single.txt"
    single.write_text("Ein einzelner Satz.", encoding="utf-8")
    assert counts(index.sync(folder, single)) == (5, 0, 0, 0)
    (folder / "soup.txt").unlink()
    assert counts(index.sync(folder, single)) == (0, 0, 4, 1)
    with pytest.raises(InvalidInputError, match="Give folders or files"):
        index.sync()


def test_what_is_forgotten_leaves_alone(index, folder, tmp_path):
    """A folder that was deleted, and a file; what is not followed is named, with what is."""
    single = tmp_path / "single.txt"
    single.write_text("Ein einzelner Satz.", encoding="utf-8")
    index.sync(folder, single)
    shutil.rmtree(folder)
    assert index.forget(folder).removed == 4
    assert index.search("Satz", mode="keyword").ids == ["single.txt"]
    with pytest.raises(InvalidInputError, match=r"does not follow .*notes, but .*single\.txt"):
        index.forget(folder)
    assert index.forget(single).removed == 1
    assert len(index) == 0
    assert index.statistics()["roots"] == {}
    assert index.verify().sound


def test_what_was_deleted_by_id_comes_back_with_its_file(index, folder):
    """The index is brought to the state of the folder, also where the ledger says it is there."""
    index.sync(folder)
    index.delete(["notes/soup.txt"])
    assert counts(index.sync(folder)) == (1, 0, 3, 0)
    assert counts(index.sync(folder)) == (0, 0, 4, 0)
    assert index.verify().sound


def test_what_was_added_under_the_source_of_a_file_leaves_with_the_next_sync(index, folder):
    index.sync(folder)
    index.add([{"id": "mine", "text": "내 글", "source": "notes/soup.txt"}])
    assert counts(index.sync(folder)) == (0, 0, 4, 1)
    assert counts(index.sync(folder)) == (0, 0, 4, 0)
    assert index.verify().sound


def test_a_file_that_cannot_be_read_now_keeps_what_is_stored_of_it(index, folder):
    table = folder / "rows.jsonl"
    table.write_text('{"text": "하나"}\n{"text": "둘"}\n', encoding="utf-8")
    index.sync(folder)
    table.write_text("\x00\x01\x02 no longer text \x00", encoding="utf-8")
    report = index.sync(folder)
    assert counts(report) == (0, 0, 4, 0)
    assert "kept" in report.skipped[-1].reason
    assert len(index) == 6
    table.write_text("", encoding="utf-8")  # read, and empty: its items leave
    assert index.sync(folder).removed == 2
    assert len(index) == 4


def test_a_link_is_followed_and_forgotten_as_the_file_it_names(index, tmp_path):
    real = tmp_path / "real" / "real.txt"
    real.parent.mkdir()
    real.write_text("진짜 파일의 글", encoding="utf-8")
    link = tmp_path / "link.txt"
    link.symlink_to(real)
    index.sync(link)
    index.sync(real)
    assert len(index) == 1
    assert index.forget(link).removed == 1
    assert len(index) == 0


def test_repeated_ids_of_a_file_lose_no_row(index, tmp_path):
    table = tmp_path / "chat.jsonl"
    lines = [f'{{"id": "u{i % 3}", "text": "말 {i}"}}' for i in range(30)]
    table.write_text("\n".join(lines), encoding="utf-8")
    assert index.sync(table).added == 30
    assert index.sync(table).unchanged == 30


def test_a_file_is_found_by_its_name_and_a_row_of_a_table_is_not(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "장보기.txt").write_text("우유와 달걀, 세제")
    (folder / "car_insurance.txt").write_text("Premium due in May")
    (folder / "car prices.csv").write_text("text\nred paint\nblue paint\n")
    index = Index.create(tmp_path / "index")
    index.sync(folder)
    assert index.search("장보기", mode="keyword").ids == ["files/장보기.txt"]
    assert index.search("insurance", mode="keyword").ids == ["files/car_insurance.txt"]
    assert index.search("car", mode="keyword").ids == ["files/car_insurance.txt"]
    found = index.search("장보기", k=1)
    assert found.ids == ["files/장보기.txt"] and not found.nothing_close


def test_a_row_of_a_table_is_found_and_shown_by_its_numbers(index, tmp_path):
    table = tmp_path / "phones.csv"
    table.write_text("name,office,extension\n이지은,Seoul,2201\n박서준,Busan,2210\n")
    index.sync(table)
    (hit,) = index.search("2201", mode="keyword")
    assert hit.text == "name: 이지은\noffice: Seoul\nextension: 2201"
    assert hit.metadata["extension"] == 2201


def test_a_text_is_found_by_the_words_of_its_title(index):
    index.add(
        [
            Item(id=f"{n}", modality="text", content=text, metadata={"title": title})
            for n, (title, text) in enumerate(
                [
                    ("토지", "하동 평사리의 이야기"),
                    ("Moby Dick", "Call me Ishmael."),
                    ("Moon", "Moonlight sonata"),
                ]
            )
        ]
    )
    assert index.search("moon", mode="keyword").ids == ["2"]
    assert index.search("토지", mode="keyword").ids == ["0"]
    assert index.search("moby", mode="keyword").ids == ["1"]


def test_files_that_no_encoder_reads_are_skipped_each_time_and_are_no_fault(tmp_path, encoder):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.txt").write_text("a note")
    write(folder / "b.wav", tone(440, 1))
    index = Index.create(tmp_path / "index", [encoder])
    for _ in range(2):
        report = index.sync(folder)
        assert [skipped.source for skipped in report.skipped] == ["files/b.wav"]
        assert index.verify().problems == []


@pytest.mark.parametrize("passage", [20, 40])
def test_a_text_half_stored_is_whole_after_it_is_cut_otherwise(tmp_path, monkeypatch, passage):
    """What was stored in passages of 20 tokens stays if they are cut so again, and else leaves."""
    first, encoder = (sememe.load("use-multilingual-v3", threads=1) for _ in range(2))
    text = " ".join(f"Sentence {number} tells of ship {number}." for number in range(40))
    item = Item(id="log", modality="text", content=text)
    replace_rows, stored = Store.replace, []

    def store_and_stop(self, rows, ids=None):
        replace_rows(self, rows, ids)
        stored.append(len(rows))
        if len(stored) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Store, "replace", store_and_stop)
    monkeypatch.setattr(chunks, "BATCH_ROWS", 4)
    first.model = replace(first.model, passage=20)
    with pytest.raises(KeyboardInterrupt):
        Index.create(tmp_path / "index", [first]).add([item])
    encoder.model = replace(encoder.model, passage=passage)
    index = Index.open(tmp_path / "index", encoders=[encoder])
    index.add([item])
    (spans,) = encoder.split([text], headings=[""])
    columns = ["part", "parts", "start", "end"]
    rows = sorted(
        tuple(row.values()) for batch in index._store.iterate(columns) for row in batch.to_pylist()
    )
    assert rows == [(n, len(spans), span.start, span.end) for n, span in enumerate(spans)]
    assert (sum(stored) == len(spans)) == (passage == 20)  # nothing is encoded twice in vain


@pytest.mark.parametrize(
    ("source", "heading"),
    [
        ("notes/식기세척기_고장 2024-최종_v2.txt", "식기세척기 고장 최종"),
        ("away/hiking-alps.md", "hiking alps"),
        ("차 보험.txt", "차 보험"),
        (unicodedata.normalize("NFD", "물_새는_곳.txt"), "물 새는 곳"),  # as macOS has it
        ("logs/notes.txt.gz", "notes"),
        ("IMG_0234.txt", "IMG"),
        ("हिन्दी 🎉 नोट.txt", "हिन्दी नोट"),
        ("2024-03.txt", ""),
        ("a1b2c3.log", ""),
    ],
)
def test_the_words_of_a_name_head_a_text_without_a_title(source, heading):
    text = Item(id=source, source=source, modality="text", content="words")
    assert find_heading(text) == heading
    titled = replace(text, metadata={"title": "A title "})
    assert find_heading(titled) == "A title"
    row = replace(text, id=f"{source}:3")
    assert find_heading(row) == ""


def test_what_a_file_is_about_is_also_found_by_the_meaning_of_its_name(tmp_path):
    """The same texts under names without words are the control."""
    texts = {
        "bread": "Mix flour, water, salt and a pinch of yeast, and leave the dough overnight.",
        "car insurance": "Premium due in May, four hundred a year.",
        "dentist": "Open from nine to six. Bring the card.",
        "power cut": "The torch lies in the drawer by the door. Do not open the freezer.",
    }
    indexes = []
    for names in (list(texts), ["1", "2", "3", "4"]):
        folder = tmp_path / f"files {names[0]}"
        folder.mkdir()
        for name, text in zip(names, texts.values(), strict=True):
            (folder / f"{name}.txt").write_text(text)
        indexes.append(Index.create(tmp_path / f"index {names[0]}"))
        indexes[-1].sync(folder)
    first, control = (index.search("toothache", k=1, mode="semantic")[0] for index in indexes)
    assert first.text == texts["dentist"] != control.text
    named, unnamed = (index.search("자동차 보험료", k=1, mode="semantic")[0] for index in indexes)
    assert named.text == unnamed.text == texts["car insurance"]
    assert named.similarity > unnamed.similarity + 0.1
