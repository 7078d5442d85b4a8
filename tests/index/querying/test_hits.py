"""Hits as values."""

from __future__ import annotations

import json
from types import MappingProxyType

from sememe.index.querying.hits import Hit, Hits


def test_a_hit_is_json_whatever_mapping_holds_its_metadata():
    hit = Hit("a", 0.5, "text", "a.md", "cats", 0, 4, MappingProxyType({"year": 2024}))
    assert json.loads(json.dumps(hit.to_dict())) == {
        "id": "a",
        "score": 0.5,
        "modality": "text",
        "source": "a.md",
        "text": "cats",
        "start": 0,
        "end": 4,
        "metadata": {"year": 2024},
        "similarity": None,
        "bm25": None,
    }


def test_hits_of_each_modality_are_those_among_the_best_and_more():
    one, two, three, four = (
        Hit(id_, 1.0, kind, "", "", 0, 0)
        for id_, kind in (("a", "text"), ("b", "image"), ("c", "image"), ("d", "audio"))
    )
    hits = Hits((one, two), "hybrid", {}, more={"image": (three,), "audio": (four,)})
    assert hits.by_modality() == {"text": (one,), "image": (two, three), "audio": (four,)}
    document = json.loads(json.dumps(hits.to_dict()))
    assert list(document) == ["mode", "weights", "note", "nothing_close", "hits", "more"]
    assert [hit["id"] for hit in document["more"]["image"]] == ["c"]
    assert len(hits) == 2 and Hits((one,), "hybrid", {}).to_dict()["more"] == {}


def test_hits_are_a_sequence():
    two = tuple(Hit(id_, 1.0, "text", "", id_, 0, 1) for id_ in "ab")
    hits = Hits(two, "hybrid", {})
    assert list(hits) == list(two) and hits[1] in hits and list(hits[:1]) == [two[0]]
