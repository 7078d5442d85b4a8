"""Images beside text in an index: found by words of two languages and by their like."""

from __future__ import annotations

import base64
import json
import shutil
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import sememe
from sememe import Index, Item
from sememe.encoders.load.by_name import load_encoders
from sememe.index.writing import chunks
from sememe.models.clip.projection_folder import Projection, write_projections
from sememe.search.store import Store
from sememe.sources.media.image_decoding import open_image
from tests.drawings import DRAWINGS, clock, noise, umbrella, web
from tests.other_processor import move_last_bits

NOTES = {
    "rain.txt": "우산을 챙기지 않아 비를 흠뻑 맞았다.",
    "fund.txt": "The central bank raised interest rates by half a point.",
}


TEXTS = (
    "High-speed trains link Paris and London through a tunnel under the sea.",
    "멸치 육수에 된장을 풀고 두부를 넣어 끓인다.",
    "The central bank raised interest rates and bond prices fell.",
    "비가 그치자 아이들이 운동장으로 뛰어나갔다.",
    "The orchestra tuned its violins before the concert began.",
)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "things"
    (root / "pictures").mkdir(parents=True)
    for i, draw in enumerate(DRAWINGS.values()):
        draw().save(root / "pictures" / f"{i}.png")
    for name, text in NOTES.items():
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def encoders(encoder):
    """The default ones of an index, loaded once."""
    names = ["efficientnet-lite0:conse", "efficientnet-lite0", "image-structure"]
    return [encoder, *(load_encoders(name, loaded=[encoder])[0] for name in names)]


@pytest.fixture
def index(tmp_path, encoders):
    return Index.create(tmp_path / "index", encoders)


def test_an_index_reads_images_unless_told_otherwise(tmp_path, encoders):
    made = Index.create(tmp_path / "index").encoders
    assert [entry.space for entry in made[:4]] == [encoder.space for encoder in encoders]
    opened = Index.open(tmp_path / "index")
    assert opened.add([{"id": "w", "image": web()}]).added == 1
    assert opened.search("거미줄").ids == ["w"]


def picture(name):
    return f"things/pictures/{list(DRAWINGS).index(name)}.png"


def test_words_of_two_languages_find_texts_and_pictures(index, folder):
    report = index.sync(folder)
    assert (report.added, report.skipped) == (7, [])
    assert index.search("거미줄").ids[0] == picture("spider web")
    assert index.search("a wall clock").ids[0] == picture("analog clock")
    both = index.search("우산", k=2, mode="semantic").ids
    assert set(both) == {picture("umbrella"), "things/rain.txt"}
    assert index.search("interest rates").ids[0] == "things/fund.txt"
    hit = index.search("umbrella", modality="image")[0]
    assert (hit.modality, hit.text, hit.start, hit.end) == ("image", "umbrella / 우산", 0, 13)
    assert hit.source == picture("umbrella")
    assert hit.metadata == {"width": 320, "height": 320}
    assert index.search("x", where="width > 400").ids == []
    assert index.verify().sound


def test_a_picture_finds_its_like_first_and_texts_about_it(index, folder, tmp_path):
    index.sync(folder)
    turned = clock(240).rotate(5, fillcolor=(205, 205, 210))
    found = index.search_image(turned)
    assert found.ids[0] == picture("analog clock")
    assert len(found) == 7
    umbrella().save(tmp_path / "one.png")
    texts = index.search_image(tmp_path / "one.png", where="modality = 'text'")
    assert texts.ids == ["things/rain.txt", "things/fund.txt"]
    assert index.search_image(web(), k=1).ids == [picture("spider web")]
    with pytest.raises(sememe.CorruptFileError, match="item 0"):
        index.search_image(b"")
    with pytest.raises(sememe.InvalidInputError, match="k=0"):
        index.search_image(web(), k=0)


def test_words_in_the_name_of_a_file_find_it(index, folder):
    shutil.copy(folder / "pictures" / "0.png", folder / "pictures" / "Zürich_2024-영수증.png")
    index.sync(folder)
    for word in ("Zürich", "영수증", "2024"):
        found = index.search(word, mode="keyword")
        assert found.ids == ["things/pictures/Zürich_2024-영수증.png"], word


def test_only_what_changed_is_encoded_again(index, folder):
    index.sync(folder)
    again = index.sync(folder)
    assert (again.unchanged, again.chunks) == (7, 0)
    web().save(folder / "pictures" / "0.png")
    (folder / "pictures" / "1.png").unlink()
    changed = index.sync(folder)
    assert (changed.updated, changed.removed, changed.chunks) == (1, 1, 1)
    webs = index.search_image(web(), k=2)
    assert set(webs.ids) == {"things/pictures/0.png", picture("spider web")}
    assert index.verify().sound


def test_what_cannot_be_read_is_told_and_the_rest_is_stored(index, folder):
    whole = (folder / "pictures" / "0.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "zero.png").write_bytes(b"")
    (folder / "text.jpg").write_text("a text", encoding="utf-8")
    report = index.sync(folder)
    reasons = {skipped.source: skipped.reason for skipped in report.skipped}
    assert set(reasons) == {"things/cut.png", "things/zero.png", "things/text.jpg"}
    assert reasons["things/cut.png"].startswith("cut off or damaged")
    assert (report.added, len(index), report.chunks) == (7, 7, 7)
    assert index.verify().sound
    again = index.sync(folder)  # told again, as they may be mended
    assert {skipped.source for skipped in again.skipped} == set(reasons)
    (folder / "cut.png").write_bytes(whole)
    assert index.sync(folder).added == 1
    assert index.verify().sound


def test_a_picture_that_breaks_keeps_what_was_indexed(index, folder):
    index.sync(folder)
    path = folder / "pictures" / "0.png"
    whole = path.read_bytes()
    path.write_bytes(whole[:900])
    for _ in range(2):
        report = index.sync(folder)
        (skipped,) = report.skipped
        assert skipped.reason.endswith("what was indexed of it before is kept")
        assert (report.updated, report.removed) == (0, 0)
        assert index.search("a wall clock").ids[0] == "things/pictures/0.png"
    assert index.verify().sound
    path.write_bytes(whole)
    assert index.sync(folder).skipped == []


def test_programs_give_pictures_as_they_have_them(index, tmp_path):
    clock().save(tmp_path / "clock.png")
    things = [
        tmp_path / "clock.png",
        {"id": "array", "image": np.asarray(web()), "room": 3},
        {"image": umbrella(), "id": "pillow"},
        {"image": (tmp_path / "clock.png").read_bytes()},
        Item("own", tmp_path / "clock.png", "image"),
    ]
    assert index.add(things).added == 5
    assert index.add(things).unchanged == 5
    assert index.search("spider web", k=1).ids == ["array"]
    assert index.search("x", where="room = 3").ids == ["array"]
    (named,) = [id_ for id_ in index.search_image(clock()).ids if id_.startswith("image-")]
    assert index.delete([named]).removed == 1
    with pytest.raises(sememe.DuplicateIdError):
        index.add([{"id": "array", "image": umbrella()}])
    assert index.upsert([{"id": "array", "image": umbrella(), "room": 3}]).updated == 1
    assert index.search("umbrella", k=2, mode="semantic").ids == ["array", "pillow"]
    with pytest.raises(sememe.InvalidInputError, match="its image is int"):
        index.add([{"image": 7}])
    gone = index.add([Item("gone", Path("nowhere.png"), "image")])
    assert [s.reason for s in gone.skipped] == ["no longer there"]
    assert index.verify().sound


@pytest.fixture
def joint(tmp_path, encoder):
    """A joint space whose projections change nothing: ConSE's, under another fingerprint."""
    place = tmp_path / "joint"
    place.mkdir()
    same = Projection(
        np.zeros(512, np.float32),
        np.ones(512, np.float32),
        ((np.eye(512, dtype=np.float32), np.zeros(512, np.float32)),),
    )
    write_projections(place, {"image": same, "text": same})
    names = {"image": "efficientnet-lite0:conse", "text": encoder.name}
    document = {
        "format": 1,
        "kind": "joint",
        "scale": 10.0,
        "encoders": {side: {"name": n, "space": encoder.space} for side, n in names.items()},
    }
    (place / "sememe.json").write_text(json.dumps(document), encoding="utf-8")
    return str(place)


def test_texts_of_one_space_and_images_of_another_are_found_together(tmp_path, folder, joint):
    index = Index.create(tmp_path / "two", ["use-multilingual-v3", joint])
    assert len({entry.space for entry in index.encoders}) == 2
    assert index.sync(folder).added == 7
    index = Index.open(tmp_path / "two")
    assert set(index.search("우산", k=2, mode="semantic").ids) == {
        picture("umbrella"),
        "things/rain.txt",
    }
    assert index.search("a spider's web", k=1).ids == [picture("spider web")]
    assert index.search("interest rates of banks", k=1).ids == ["things/fund.txt"]
    assert index.search_image(web(), k=1).ids == [picture("spider web")]
    assert index.verify().sound
    with pytest.raises(sememe.InvalidInputError, match="make text vectors of 2 spaces"):
        Index.create(tmp_path / "no", ["use-multilingual-v3", "all-minilm-l6-v2"])


def test_texts_are_not_pushed_aside_by_pictures(index):
    """Pictures lie nearer to most queries than sentences do: each kind is judged by its own."""
    index.add([{"id": f"picture {i}", "image": noise(i)} for i in range(40)])
    index.add([(f"text {i}", text) for i, text in enumerate(TEXTS)])
    index.add([{"id": "clock", "image": clock()}])
    for query, expected in [("rail travel", "text 0"), ("기차 여행", "text 0"), ("요리", "text 1"),
                            ("stocks and bonds", "text 2"), ("벽시계", "clock")]:  # fmt: skip
        assert index.search(query, k=1, mode="semantic").ids == [expected], query
    assert index.search("rail travel", where="modality = 'image'", k=3).ids


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, encoders):
    """Texts, pictures with and without a text about them, and many that mean nothing."""
    index = Index.create(tmp_path_factory.mktemp("mixed") / "index", encoders)
    index.add({"id": f"picture {i}", "image": noise(i)} for i in range(12))
    index.add({"id": name, "image": draw()} for name, draw in DRAWINGS.items())
    index.add((f"text {i}", text) for i, text in enumerate(TEXTS))
    index.add((f"price {i}", f"price list, page {i}") for i in range(12))
    index.add([("row", "umbrella"), ("rainy", "우산을 쓰고 걸었다")])
    return index


def test_the_identical_picture_comes_first_and_other_modalities_beside(mixed):
    for name, draw in DRAWINGS.items():
        found = mixed.search_image(draw(), k=6)
        assert found.ids[0] == name
        assert found[0].score == pytest.approx(1, abs=1e-5) == max(found.scores)
        assert {hit.modality for hit in found} == {"image"}
    found = mixed.search_image(umbrella(), k=6)
    assert list(found.more) == ["text"]
    assert {hit.id for hit in found.more["text"][:2]} == {"row", "rainy"}
    assert found.more["text"][0].similarity > found.more["text"][0].score
    every = mixed.search_image(umbrella(), k=99)
    assert len(every) == len(mixed) and every.more == {}
    assert every.scores == sorted(every.scores, reverse=True)
    kinds = [hit.modality for hit in every]
    assert kinds == sorted(kinds)  # images, then texts


def test_hits_of_a_modality_alone(mixed):
    assert mixed.search("umbrella", modality="image", k=1).ids == ["umbrella"]
    texts = mixed.search("umbrella", modality="text", k=3)
    assert texts.ids[0] == "row" and {hit.modality for hit in texts} == {"text"}
    assert texts.more == {} == mixed.search("우산", modality="image").more
    assert mixed.search_image(umbrella(), modality="text", k=1).ids == ["row"]
    both = mixed.search("umbrella", modality="image", where="id <> 'umbrella'")
    assert "umbrella" not in both.ids
    for mode in ("hybrid", "semantic", "keyword"):
        none = mixed.search("rain", modality="audio", mode=mode)
        assert (none.ids, none.note) == ([], "the index holds no recordings")
    lacking = mixed.search("zebra zoo", modality="image", mode="keyword")
    assert lacking.note == "keyword: no image has a word of the query"
    passing = mixed.search("umbrella", modality="image", where="id = 'row'")
    assert passing.note == "no image passes the filter"
    with pytest.raises(sememe.UnknownNameError, match="modality='photo' is not one of text"):
        mixed.search("umbrella", modality="photo")
    with pytest.raises(sememe.FilterError, match="where='id =' cannot"):
        mixed.search("umbrella", modality="image", where="id =")


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "keyword"])
def test_no_modality_pushes_another_aside(mixed, mode):
    """Of twelve pages and one picture with the word, the picture is beside the first pages."""
    mixed.upsert([{"id": "clock", "image": clock(), "title": "price"}])
    found = mixed.search("price", k=5, mode=mode)
    assert {hit.modality for hit in found} == {"text"}
    if mode != "semantic":
        assert [hit.id for hit in found.more["image"]] == ["clock"]
    clearly = mixed.search("아날로그 시계", k=5, mode=mode)
    assert "analog clock" in [hit.id for hit in clearly.by_modality()["image"]]
    unrelated = mixed.search("central bank", k=5, mode=mode)
    assert unrelated.ids[0] == "text 2"
    assert not any(hit.id.startswith("picture") for hit in unrelated.more.get("image", ()))


def test_what_is_seen_in_a_picture_is_shown_and_is_found_by_its_words(mixed):
    for word in ("umbrella", "우산"):
        found = mixed.search(word, modality="image", mode="keyword")
        assert (found.ids, found[0].text) == (["umbrella"], "umbrella / 우산")
    assert mixed.search("noise", modality="image", mode="keyword").ids == []
    assert mixed.verify().sound


@pytest.mark.parametrize(
    "wrong", [None, 4, [[1]], np.zeros((9, 9, 3)), np.zeros((0, 3, 3), np.uint8)]
)
def test_what_can_be_no_picture_is_refused_and_what_came_before_is_stored(index, wrong):
    things = [f"a text of number {i}" for i in range(30)]
    for bad in ({"id": "n", "image": wrong}, {"image": wrong}, Item("n", wrong, "image")):
        with pytest.raises(sememe.InvalidInputError, match="item 30: its image is"):
            index.add([*things, bad])
        assert len(index) == 30


def test_encoders_that_do_not_fit_are_refused(tmp_path):
    for names, says in [
        (["all-minilm-l6-v2", "efficientnet-lite0:conse"], "conse:all-minilm-l6-v2"),
        (["use-multilingual-v3", "efficientnet-lite0", "efficientnet-lite0"], "same kind"),
    ]:
        with pytest.raises(sememe.InvalidInputError, match=says):
            Index.create(tmp_path / "no", names)


def test_thumbnails_are_kept_when_asked_for(tmp_path, folder, encoders):
    index = Index.create(tmp_path / "small", encoders, thumbnails=64)
    index.sync(folder)
    hit = Index.open(tmp_path / "small").search("umbrella", k=1)[0]
    kind, data = hit.metadata["thumbnail"].split(",")
    assert kind == "data:image/jpeg;base64"
    assert open_image(base64.b64decode(data)).size == (64, 64)
    assert "thumbnail" not in index.search("interest rates", k=1)[0].metadata
    assert index.sync(folder).unchanged == 7
    assert index.verify().sound
    with pytest.raises(sememe.InvalidInputError, match="thumbnails=-1"):
        Index.create(tmp_path / "no", encoders, thumbnails=-1)


def test_near_duplicates_are_listed(index, folder, tmp_path):
    index.sync(folder)
    with_copies = [
        {"id": "copy", "image": clock()},
        {"id": "small", "image": clock(160)},
        {"id": "turned", "image": clock().rotate(3, fillcolor=(205, 205, 210))},
        {"id": "noise", "image": noise(0)},
    ]
    index.add(with_copies)
    pairs = index.similar_images()
    original = picture("analog clock")
    named = {frozenset(pair[:2]): pair.score for pair in pairs}
    assert named[frozenset(("copy", original))] == pairs[0].score == pytest.approx(1, abs=1e-5)
    clocks = ["copy", original, "small", "turned"]
    assert named.keys() == {frozenset(pair) for pair in combinations(clocks, 2)}
    assert index.similar_images(max_pairs=1) == pairs[:1]
    alike = [pair for pair in pairs if pair.score >= 0.995]
    assert index.similar_images(threshold=0.995) == alike != pairs
    for wrong in ({"threshold": 2}, {"max_pairs": 0}):
        with pytest.raises(sememe.InvalidInputError, match=next(iter(wrong))):
            index.similar_images(**wrong)
    empty = Index.create(tmp_path / "empty")
    empty.add(["a text"])
    with pytest.raises(sememe.InvalidInputError, match="holds 0 images"):
        empty.similar_images()


def test_an_index_of_text_alone_says_what_to_do(tmp_path, folder):
    index = Index.create(tmp_path / "texts", ["use-multilingual-v3"])
    report = index.sync(folder)
    assert report.added == 2
    assert "sememe[images]" in report.skipped[0].reason
    for ask in (lambda: index.search_image(web()), index.similar_images):
        with pytest.raises(sememe.InvalidInputError, match="no encoder for images"):
            ask()


def test_many_pictures_come_in_several_commits(index, monkeypatch):
    monkeypatch.setattr(chunks, "BATCH_ROWS", 80)  # an image counts as 8
    commits, replace = [], Store.replace
    monkeypatch.setattr(Store, "replace", lambda *given: (commits.append(1), replace(*given))[1])
    report = index.add({"id": f"{i:03}", "image": noise(i, (9, 9))} for i in range(40))
    assert (report.added, len(index), len(commits)) == (40, 40, 4)
    assert index.search_image(noise(17, (9, 9)), k=1).ids == ["017"]


def test_an_index_of_another_image_encoder_refuses_it(tmp_path, folder):
    encoders = ["use-multilingual-v3", "efficientnet-lite0"]
    Index.create(tmp_path / "i", encoders).sync(folder)
    index = Index.open(tmp_path / "i")
    assert index.search_image(clock(), k=1).ids == [picture("analog clock")]
    assert index.search_image(clock(), where="modality = 'text'").ids == []
    with pytest.raises(sememe.SpaceMismatchError):
        Index.open(tmp_path / "i", [sememe.load("efficientnet-lite0:conse:all-minilm-l6-v2")])


@pytest.mark.parametrize("seed", range(6))
def test_copies_keep_their_order_on_another_processor(index, tmp_path, monkeypatch, seed):
    """Pictures that are equal, encoded in batches of different sizes: the id decides."""
    move_last_bits(monkeypatch, seed=seed)
    for names in (("d", "a"), ("f",), ("c", "e", "b")):
        index.add([{"id": name, "image": umbrella()} for name in names])
    index.add([{"id": "web", "image": web()}])
    assert index.search("umbrella", k=7, mode="semantic").ids == [*"abcdef", "web"]
    assert index.search("umbrella", k=3, mode="semantic").ids == [*"abc"]
    assert index.search("umbrella", k=4).ids == [*"abcd"]
    assert index.search_image(umbrella(), k=5).ids == [*"abcde"]
    pairs = index.similar_images(max_pairs=4, threshold=0.9)
    assert [pair[:2] for pair in pairs] == [("a", one) for one in "bcde"]
