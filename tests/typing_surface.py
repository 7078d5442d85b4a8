"""Never run: what a user writes must type-check."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import sememe
from sememe._types import FloatArray
from sememe.encoders.text.masked_lm import Fill
from sememe.space import Duplicates, Pair, central_words, cluster, duplicates, purity, similar_pairs


def encode() -> FloatArray:
    encoder = sememe.load("use-multilingual-v3", overflow="truncate")
    as_protocol: sememe.Encoder = encoder
    assert_type(encoder.encode_with_receipt(["a"]).receipt.dropped, int)
    return as_protocol.encode(["고양이", "cat"], batch_size=8)


def search(path: str) -> list[str]:
    index = sememe.Index.create(path, [sememe.load()])
    assert_type(index.add(["a", ("id", "b"), {"text": "c", "year": 2024}]).added, int)
    hits = index.search("query", k=3, mode="semantic", where="year > 2000")
    assert_type(hits[0], sememe.Hit)
    return [hit.id for hit in hits]


def words(corpus: list[str]) -> list[list[str]]:
    tokenizer = sememe.SubwordTokenizer.train(corpus, model="unigram", vocab_size=100)
    assert_type(tokenizer.encode(corpus), list[list[int]])
    vectors = sememe.load().encode(corpus)
    found = cluster(vectors, k=2, method="hdbscan")
    assert_type(purity(found.labels, corpus), float)
    return central_words(found, corpus, vectors)


def word_vectors(path: str) -> list[tuple[str, float]]:
    vectors = sememe.KeyedVectors.load(path)
    as_protocol: sememe.Encoder = sememe.WordEncoder(vectors, pooling="mean")
    assert_type(as_protocol.dim, int)
    assert_type(vectors["king"], FloatArray)
    return vectors.analogy("man", "king", "woman", method="3CosMul")


def train(corpus: str) -> sememe.KeyedVectors:
    model = sememe.FastText(dim=50, mode="cbow", hangul="jamo").fit(corpus)
    assert_type(model.report_.words_per_second, float)
    again = sememe.Word2Vec.load(sememe.Word2Vec().fit([["a", "b"]]).save(corpus))
    assert_type(again.partial_fit(corpus), sememe.Word2Vec)
    return model.vectors_


def mine(texts: list[str]) -> list[tuple[str, str]]:
    encoder = sememe.load()
    assert_type(sememe.deduplicate(texts, encoder), Duplicates)
    vectors = encoder.encode(texts)
    assert_type(similar_pairs(vectors, max_pairs=5, threshold=0.5), list[Pair])
    assert_type(duplicates(vectors, threshold=0.9).groups(), dict[int, list[int]])
    return [pair.texts for pair in sememe.mine_pairs(texts, encoder, threshold=0.8)]


def tune(data: str) -> list[list[Fill]]:
    found = sememe.SentenceTraining("all-minilm-l6-v2", dims=(64,)).fit(data, evaluate=data)
    assert_type(found.report_.curve.after, float | None)
    learnt = sememe.MaskedTraining(size="mini").fit([data], checkpoint=data)
    assert_type(learnt.report_.unigram, float)
    assert_type(sememe.CrossEncoder.load(data).score([("a", "b")]), FloatArray)
    return sememe.MaskedLM.load(str(learnt.save(data))).fill("one [MASK]", k=3)


def see(name: str, pictures: list[str]) -> list[str]:
    texts, images = sememe.load_encoders(name)
    judge = sememe.ZeroShot(images, texts, ["cat", "dog"], templates=["a photo of a {}."])
    found, reasons = judge.classify_with_failures(pictures, k=1)
    assert_type(reasons, dict[int, str])
    assert_type(judge.probabilities(pictures), FloatArray)
    return [best[0].label for best in found if best]


def train_on_images(folder: str, table: str) -> list[str]:
    assert_type(sememe.ClipTraining(dim=64).fit(table).report_.recalls, dict[str, float])
    assert_type(sememe.Wav2Vec2Training(epochs=1).fit(folder).save("ear"), Path)
    assert_type(sememe.SpeechTraining(base="ear").fit(folder).save("writes"), Path)
    assert_type(sememe.Transcriber.load("writes").transcribe(["a.wav"])[0].text, str)
    assert_type(sememe.SoundEncoder().save("scale"), Path)
    assert_type(sememe.SimCLRTraining(epochs=1).fit(folder).save("eye"), Path)
    index = sememe.Index.create("pictures", thumbnails=64)
    assert_type(index.search_image(Path("a.jpg"), k=3), sememe.Hits)
    assert_type(index.similar_images(threshold=0.9)[0].score, float)
    return sememe.ImageClassifier(method="probe").fit(folder).predict([Path("a.jpg")])


def train_on_sounds(folder: str) -> list[str]:
    found = sememe.AudioClassifier(method="probe", group_pattern="_(.+)_").fit(folder)
    assert_type(found.report_.accuracy, float)
    return found.predict([Path("a.wav")])
