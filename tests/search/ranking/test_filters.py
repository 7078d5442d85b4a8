from __future__ import annotations

import pytest

from sememe import _errors
from sememe.search.ranking.filters import names_chunk_columns
from tests.search.conftest import make_row


@pytest.fixture
def dated(store):
    store.append(
        [
            make_row("a", source="notes/a.md", metadata={"year": 2019, "tag": "x;y"}),
            make_row("b", source="b.txt", metadata={"year": 2021, "tag": 'say "year"'}),
            make_row("c", source="c.md", metadata={"year": 2022}),
        ]
    )
    return store


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("year >= 2020 AND source LIKE '%.md'", ["c"]),
        ("Year >= 2020", ["b", "c"]),
        ("tag IS NULL", ["c"]),
        ("tag = 'x;y'", ["a"]),
        ("tag = 'say \"year\"'", ["b"]),
        ("year IN (2019, 2022) OR id = 'it''s'", ["a", "c"]),
        ("modality = 'image'", []),
    ],
)
def test_filters(dated, where, ids):
    assert dated.search_terms(["common"], 5, where=where).ids == ids


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        (7, "empty"),
        ("yaer > 2000", "yaer"),
        ("year >", "pars"),
        ("year", "boolean"),
        ("year > 'many'", "many"),
        ("year > 2000; drop table chunks", "without ';'"),
        ('"year" > 2000', "`year`"),
    ],
)
def test_filters_that_cannot_be_run_say_why_and_what_there_is(dated, where, reason):
    with pytest.raises(_errors.FilterError) as refusal:
        dated.search_terms(["common"], 5, where=where)
    message = str(refusal.value)
    assert repr(where) in message and reason in message
    assert "year (int64)" in message and "source (string)" in message
    assert "/home/" not in message and "vector_" not in message
    with pytest.raises(_errors.FilterError):
        dated.search_vectors(
            "vector_0a1b2c3d", make_row("a").vectors["vector_0a1b2c3d"][None], 1, where=where
        )


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("text LIKE '%x%'", True),
        ("`TEXT` = 'x'", True),
        ("n > 1 AND part=0", True),
        ("parts > 1 OR hash = 'a' OR start < 3", True),
        ("source = 'text'", False),
        ("source = 'it''s text' AND year = 1", False),
        ("text_en = 'x' AND my_part = 1 AND ending = 2", False),
    ],
)
def test_filters_that_name_columns_of_a_chunk(where, expected):
    assert names_chunk_columns(where) is expected
