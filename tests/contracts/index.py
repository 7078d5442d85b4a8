"""What every Index must do. A test module per kind of index subclasses this."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sememe import (
    DuplicateIdError,
    FilterError,
    Index,
    IndexExistsError,
    InvalidInputError,
    Item,
    UnknownNameError,
)

DOCUMENTS = [
    {"id": "cat", "text": "고양이는 하루에 열네 시간쯤 잔다.", "lang": "ko", "year": 2021},
    {
        "id": "dog",
        "text": "The puppy chased its own tail around the yard.",
        "lang": "en",
        "year": 2019,
    },
    {"id": "soup", "text": "소뼈를 밤새 고아 국물을 우려낸다.", "lang": "ko", "year": 2023},
    {
        "id": "bond",
        "text": "Government bonds fell as interest rates rose.",
        "lang": "en",
        "year": 2023,
    },
]


class IndexContract:
    """Subclasses give the fixture `make`: a path to a new, empty index there."""

    @pytest.fixture
    def make(self) -> Callable[[Path], Index]:
        raise NotImplementedError

    @pytest.fixture
    def index(self, make, tmp_path) -> Index:
        made = make(tmp_path / "index")
        made.add(DOCUMENTS)
        return made

    def test_meaning_is_found_across_languages(self, index):
        assert index.search("a sleeping kitten", k=1, mode="semantic").ids == ["cat"]
        assert index.search("채권 가격이 떨어졌다", k=1, mode="semantic").ids == ["bond"]

    def test_words_are_found_where_they_stand(self, index):
        hits = index.search("국물", mode="keyword")
        assert hits.ids == ["soup"]
        assert hits[0].text[hits[0].start : hits[0].end] == DOCUMENTS[2]["text"]

    def test_a_single_word_is_found_with_another_particle(self, index):
        """국물이 stands nowhere, 국물을 does; 고양 is a city and no cat."""
        for mode in ("keyword", "hybrid"):
            assert index.search("국물이", k=1, mode=mode).ids == ["soup"]
        index.add([("city", "고양에서 꽃 박람회가 열린다.")])
        assert index.search("고양이", mode="keyword").ids == ["cat"]

    @pytest.mark.parametrize(
        ("text", "queries"),
        [
            ("꽃이 피었다. 집에 갔다. 책도 샀다. 눈이 온다.", "꽃 집 책 눈 피다 가다 눈도"),
            ("밥을 먹는 사람이 신문을 읽었다.", "먹다 읽다 밥이"),
            ("환불 규정은 다음과 같다.", "환불규정 환불규정이"),
            ("담당자 이서연 010-1234-5678", "이서연씨 이서연님께서 이서연씨가"),
        ],
    )
    def test_korean_words_are_found_in_another_form(self, index, text, queries):
        index.add([("new", text)])
        for query in queries.split():
            assert index.search(query, mode="keyword").ids == ["new"], query
        assert index.search("자동차 " + queries, k=1, mode="hybrid").ids == ["new"]

    def test_the_word_as_typed_comes_before_its_other_readings(self, index):
        index.add([("name", "이서연님"), ("rules", "환불규정 안내"), ("sea", "바다가 보인다")])
        index.add([("other", "이서연의 환불 영수증과 규정")])
        assert index.search("이서연님", mode="keyword").ids == ["name"]
        assert index.search("환불규정", mode="keyword").ids == ["rules"]
        assert index.search("자동차", mode="keyword").ids == []

    def test_the_word_itself_beats_the_meaning_of_another_language(self, make, tmp_path):
        index = make(tmp_path / "two")
        index.add([("ko", "커피 원두를 볶는 방법"), ("en", "Roasting coffee beans")])
        assert index.search("커피", mode="hybrid").ids[0] == "ko"

    def test_scores_descend_and_ids_are_distinct(self, index):
        for mode in ("hybrid", "semantic", "keyword"):
            hits = index.search("고양이 국물 interest", mode=mode)
            assert hits.scores == [hit.score for hit in hits]
            assert hits.scores == sorted(hits.scores, reverse=True)
            assert len(set(hits.ids)) == len(hits)

    def test_k_bounds_the_hits(self, index):
        assert len(index.search("고양이", k=2, mode="semantic")) == 2
        assert len(index.search("고양이", k=100, mode="semantic")) == 4

    def test_where_filters_by_metadata(self, index):
        hits = index.search("animals", mode="semantic", where="lang = 'en' AND year < 2020")
        assert hits.ids == ["dog"]
        assert hits[0].metadata == {"lang": "en", "year": 2019}

    def test_a_filter_that_nothing_passes_is_named(self, index):
        for mode in ("hybrid", "semantic", "keyword"):
            hits = index.search("고양이", mode=mode, where="year = 1900")
            assert (hits.ids, hits.note) == ([], "no document passes the filter")

    def test_words_outside_the_filter_are_not_denied(self, index):
        reason = "keyword: no document that passes the filter has a word of the query"
        for mode in ("hybrid", "keyword"):
            assert reason in index.search("고양이", mode=mode, where="lang = 'en'").note
        nowhere = index.search("자동차", mode="keyword", where="lang = 'en'")
        assert nowhere.note == "keyword: no document has a word of the query"

    @pytest.mark.parametrize("where", ["colour = 1", "year >", "1; DROP TABLE x", ""])
    def test_a_filter_that_is_not_sql_is_refused(self, index, where):
        with pytest.raises(FilterError, match="where="):
            index.search("고양이", where=where)

    def test_adding_again_changes_nothing(self, index):
        report = index.add(DOCUMENTS)
        assert (report.added, report.unchanged, report.chunks) == (0, 4, 0)
        assert len(index) == 4

    def test_another_content_under_an_id_is_refused_and_loses_nothing(self, index):
        with pytest.raises(DuplicateIdError, match="upsert"):
            index.add([("new", "a new one"), ("cat", "no cat"), ("later", "after it")])
        assert len(index) == 5
        assert index.search("고양이", k=1, mode="keyword").ids == ["cat"]

    def test_upsert_replaces_all_of_the_item(self, index):
        report = index.upsert([{"id": "cat", "text": "도마뱀이 볕을 쬔다.", "lang": "ko"}])
        assert (report.updated, report.added) == (1, 0)
        assert index.search("고양이", mode="keyword").ids == []
        hit = index.search("도마뱀", k=1, mode="keyword")[0]
        assert hit.metadata == {"lang": "ko"}
        assert len(index) == 4

    def test_the_last_version_of_an_item_stays(self, index):
        index.upsert([("x", "첫째 판"), ("x", "둘째 판"), ("x", "셋째 판")])
        assert index.search("판", mode="keyword")[0].text == "셋째 판"
        assert len(index) == 5

    def test_deleted_items_are_not_found(self, index):
        assert index.delete(["cat", "nobody"]).removed == 1
        assert "cat" not in index.search("고양이", k=10, mode="hybrid").ids
        assert index.verify().sound

    def test_it_opens_again_with_the_same_answers(self, index):
        again = Index.open(index.path)
        for mode in ("hybrid", "semantic", "keyword"):
            first, second = (i.search("고양이 bonds", mode=mode) for i in (index, again))
            assert first.ids == second.ids
            assert first.scores == pytest.approx(second.scores)

    def test_it_is_not_made_twice(self, index, make):
        with pytest.raises(IndexExistsError, match="Index.open"):
            make(index.path)

    def test_long_text_is_found_by_any_of_its_parts(self, index):
        filler = "오늘의 날씨는 맑고 바람이 조금 분다. " * 200
        penguins = "펭귄은 남극의 얼음 위에서 산다. 펭귄이 얼음에서 미끄러져 바다에 빠졌다. " * 5
        text = filler + penguins + filler
        report = index.add([("long", text)])
        assert report.chunks > 5
        hit = index.search("펭귄", k=1, mode="keyword")[0]
        assert (hit.id, text[hit.start : hit.end]) == ("long", hit.text)
        assert "펭귄" in hit.text
        assert "펭귄" in index.search("penguins on the Antarctic ice", k=1, mode="semantic")[0].text

    def test_equal_items_are_ordered_by_id(self, index):
        index.add([(name, "똑같은 문장입니다") for name in ("b", "c", "a")])
        for mode in ("semantic", "keyword", "hybrid"):
            assert index.search("똑같은 문장", k=3, mode=mode).ids == ["a", "b", "c"]

    def test_what_has_no_text_or_no_encoder_is_skipped_with_a_reason(self, index):
        report = index.add([("empty", " \n "), Item("song", b"...", modality="audio")])
        assert report.added == 0
        reasons = {skipped.source: skipped.reason for skipped in report.skipped}
        assert reasons["empty"] == "no text in it"
        assert reasons["song"].startswith("the index has no encoder for audio")

    def test_odd_text_and_ids_survive(self, index):
        odd = [("a'b\"c", "it's"), ("줄\n바꿈", "줄을 바꾼 이름"), ("🙂", "smile 🙂 \ud800 end"),
               ("nul", "a\x00b")]  # fmt: skip
        index.add(odd)
        assert len(index) == 8
        assert index.verify().sound
        assert index.delete([id_ for id_, _ in odd]).removed == 4

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"query": "x", "mode": "semantics"}, UnknownNameError, "Did you mean 'semantic'"),
            ({"query": "x", "k": 0}, InvalidInputError, "k=0"),
            ({"query": 3}, InvalidInputError, "query is int"),
        ],
    )
    def test_bad_arguments_are_named(self, index, arguments, error, message):
        with pytest.raises(error, match=message):
            index.search(**arguments)

    def test_an_empty_query_finds_nothing_and_says_why(self, index):
        hits = index.search("  ")
        assert len(hits) == 0
        assert hits.note == "the query is empty"

    def test_an_empty_index_can_be_searched(self, make, tmp_path):
        index = make(tmp_path / "none")
        for mode in ("hybrid", "semantic", "keyword"):
            hits = index.search("고양이", mode=mode)
            assert (hits.ids, hits.note) == ([], "the index is empty")
            hits = index.search("고양이", mode=mode, where="source = 'x'")
            assert (hits.ids, hits.note) == ([], "the index is empty")
        assert index.verify().sound
        assert len(index) == 0

    def test_an_odd_query_does_no_harm(self, index):
        for query in ("'", '"', "*:* OR", "\ud800", "🙂🙂", "\x00", "(", "a" * 5000, "+-!"):
            for mode in ("hybrid", "semantic", "keyword"):
                index.search(query, mode=mode)
