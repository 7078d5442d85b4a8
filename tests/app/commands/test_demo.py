"""The bundled sample collection keeps the promises that the demo makes with it."""

import json
import re
from collections import Counter
from importlib.resources import files

import pytest

TOPICS = {
    "animals": 8,
    "computing": 8,
    "finance": 8,
    "food": 8,
    "law": 8,
    "medicine": 8,
    "music": 8,
    "transport": 26,
    "travel": 8,
}
# The words of "빠른 운송 수단" / "fast means of transport" and their near forms: no document may
# use them, so that only meaning can answer the two queries.
BANNED = re.compile(
    r"빠른|빠르|빨라|빨리|신속|운송|수단"
    r"|\b(?:fast(?:er|est)?|means?|quick\w*|rapid\w*|speedy|transport\w*|vehicles?)\b",
    re.IGNORECASE,
)
HANGUL = re.compile(r"[가-힣]")

FOLDER = files("sememe.app") / "samples"
DOCUMENTS = [
    json.loads(line) for line in (FOLDER / "samples.jsonl").read_text(encoding="utf-8").splitlines()
]
QUERIES = json.loads((FOLDER / "queries.json").read_text(encoding="utf-8"))
BY_ID = {document["id"]: document for document in DOCUMENTS}


def words_of(document):
    return document["title"] + "\n" + document["text"]


def test_counts_topics_and_languages_balance():
    assert len(DOCUMENTS) == len(BY_ID) == 90
    assert Counter(document["topic"] for document in DOCUMENTS) == TOPICS
    per_language = Counter((document["topic"], document["lang"]) for document in DOCUMENTS)
    assert all(
        per_language[topic, lang] * 2 == n for topic, n in TOPICS.items() for lang in ("ko", "en")
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=BY_ID)
def test_document(document):
    assert list(document) == ["id", "title", "text", "lang", "topic"]
    assert re.fullmatch(rf"{document['topic']}-{document['lang']}-\d\d", document["id"])
    assert bool(HANGUL.search(words_of(document))) == (document["lang"] == "ko")
    assert document["title"].strip() == document["title"] != ""
    assert 2 <= len(re.findall(r"[.?!](?=\s|$)", document["text"])) <= 4
    assert not BANNED.search(words_of(document))


def test_texts_and_titles_are_not_repeated():
    assert len({document["text"] for document in DOCUMENTS}) == len(DOCUMENTS)
    assert len({document["title"] for document in DOCUMENTS}) == len(DOCUMENTS)


def test_only_some_documents_on_cars_use_the_word():
    using = {document["id"] for document in DOCUMENTS if "자동차" in words_of(document)}
    assert using == {"finance-ko-04", "transport-ko-09", "transport-ko-10"}
    for word, lang in [
        ("차량", "ko"),
        ("승용차", "ko"),
        ("SUV", "ko"),
        ("SUV", "en"),
        ("sedan", "en"),
    ]:
        assert any(word in words_of(d) and d["lang"] == lang for d in DOCUMENTS), (word, lang)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query["query"])
def test_query(query):
    assert list(query) == ["query", "lang", "shows", "expects"]
    assert query["expects"] and set(query["expects"]) <= BY_ID.keys()
    assert bool(HANGUL.search(query["query"])) == (query["lang"] == "ko")
    languages = {BY_ID[id_]["lang"] for id_ in query["expects"]}
    if query["shows"] == "meaning":
        # A document that shares a word with the query would not show meaning.
        words = {word.lower() for word in query["query"].split()} - {"of"}
        for id_ in query["expects"]:
            assert not any(word in words_of(BY_ID[id_]).lower() for word in words), id_
    else:
        asked, answered = query["shows"].split("-")
        assert query["lang"] == asked and languages == {answered}


def test_the_tour_shows_every_direction():
    assert Counter(query["shows"] for query in QUERIES) == {"meaning": 5, "ko-en": 3, "en-ko": 3}
