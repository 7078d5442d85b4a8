"""Subword tokenizers: worked by hand, equal to naive and foreign forms, exact, repeatable."""

from __future__ import annotations

import gzip
import io
import itertools
import lzma
import subprocess
import sys
import unicodedata
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sememe import CorruptFileError, InvalidInputError, UnknownNameError
from sememe.models.weights.catalog import model_info
from sememe.text.tokenizers.subword_report import measure_subwords, script_of
from sememe.text.tokenizers.subwords import SubwordTokenizer, byte_letters
from sememe.text.tokenizers.unigram import UnigramTokenizer
from tests.encoders.text.sixteen_languages import texts_in_sixteen_languages

KOREAN = [stem + ending for stem in "고양이 강아지 토끼 학교 나무 바다 도서관 다람쥐".split()
          for ending in " 는 가 를 에서 에서는 와 의 도 부터 까지".split(" ")]  # fmt: skip
ENGLISH = [stem + ending for stem in "cat dog school sleep walk talk read play jump".split()
           for ending in " s ed ing er ers".split(" ")]  # fmt: skip
CORPUS = [f"{ko} {en}" for ko, en in zip(KOREAN, itertools.cycle(ENGLISH), strict=False)] * 5
CLASSIC = ["low"] * 5 + ["lower"] * 2 + ["newest"] * 6 + ["widest"] * 3
KINDS = [("bpe", "bytes"), ("bpe", "characters"), ("unigram", "characters")]


def trained(model="bpe", level=None, corpus=CORPUS, **options):
    size = {"bytes": 300, None: 300 if model == "bpe" else 85}.get(level, 110)
    size = options.pop("vocab_size", 85 if model == "unigram" else size)
    return SubwordTokenizer.train(corpus, model=model, level=level, vocab_size=size, **options)


def naive_bpe(words, n_merges):
    """Sennrich et al. 2016, algorithm 1; ties go to the pair whose pieces are older."""
    alphabet = sorted({letter for word in words for letter in f"▁{word}"})
    ids = {letter: i for i, letter in enumerate(alphabet)}
    counts, merges = Counter(words), []
    cut = {word: list(f"▁{word}") for word in counts}
    for _ in range(n_merges):
        pairs = Counter()
        for word, count in counts.items():
            for pair in itertools.pairwise(cut[word]):
                pairs[pair] += count
        best = min(pairs, key=lambda p: (-pairs[p], ids[p[0]], ids[p[1]]))
        merges.append(best)
        ids.setdefault("".join(best), len(ids))
        for word, pieces in cut.items():
            i = 0
            while i < len(pieces) - 1:
                if (pieces[i], pieces[i + 1]) == best:
                    pieces[i : i + 2] = ["".join(best)]
                i += 1
            cut[word] = pieces
    return merges, cut


def test_worked_merges_of_the_classic_example():
    """low x5, lower x2, newest x6, widest x3 (Sennrich et al. 2016, with a mark before words).

    e-s and s-t stand 9 times each: the pair with the older first piece, (e, s), goes first; then
    (es, t) 9. Then (l, o) and (o, w) and (▁, l) stand 7 times: (l, o), as l is before o and ▁.
    """
    tokenizer = SubwordTokenizer.train(
        CLASSIC, model="bpe", level="characters", vocab_size=1 + 11 + 3, coverage=1
    )
    assert tokenizer.merges == [("e", "s"), ("es", "t"), ("l", "o")]


@pytest.mark.parametrize("n_merges", [1, 4, 8, 12])
def test_bpe_is_the_naive_algorithm(n_merges):
    alphabet = {letter for word in CLASSIC for letter in f"▁{word}"}
    tokenizer = SubwordTokenizer.train(
        [" ".join(CLASSIC)],
        model="bpe",
        level="characters",
        vocab_size=1 + len(alphabet) + n_merges,
        coverage=1,
    )
    merges, cut = naive_bpe(CLASSIC, n_merges)
    assert tokenizer.merges == merges
    for word in cut:
        assert tokenizer.tokenizer.encode(word).tokens == cut[word]


def test_unigram_takes_the_best_path_over_its_pieces():
    """Every way to cut a word, scored by hand: none beats the one taken."""
    tokenizer = trained("unigram")
    scores = dict(tokenizer._config["model"]["vocab"])
    for word in ("고양이는", "cats", "sleeper"):
        text = f"▁{word}"
        every = []
        for cuts in itertools.product([False, True], repeat=len(text) - 1):
            bounds = [0, *(i + 1 for i, cut in enumerate(cuts) if cut), len(text)]
            pieces = [text[a:b] for a, b in itertools.pairwise(bounds)]
            if all(piece in scores for piece in pieces):
                every.append(sum(scores[piece] for piece in pieces))
        taken = tokenizer.tokenizer.encode(word).tokens
        assert sum(scores[piece] for piece in taken) == pytest.approx(max(every), abs=1e-6)
        assert len(every) > 1


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_bytes_come_back_exactly(text):
    tokenizer = _BYTES
    assert tokenizer.decode(tokenizer.encode([text])) == [text]


_BYTES = trained()


@pytest.mark.parametrize("text", ["", " ", "\n\t ", "가" * 1000, "🙂\u200d🙂", "각", "\0", "Ġ▁"])
def test_odd_texts_come_back_exactly(text):
    assert _BYTES.decode_one(_BYTES.encode_one(text)) == text


def test_lone_surrogates_count_as_the_replacement_character():
    assert _BYTES.decode_one(_BYTES.encode_one("a\ud800b")) == "a\ufffdb"
    assert SubwordTokenizer.train(["a\ud800b"] * 9, vocab_size=257).vocab_size == 257


@pytest.mark.parametrize(("model", "level"), KINDS)
def test_known_text_comes_back_and_decomposed_hangul_is_composed(model, level):
    tokenizer = trained(model, level, normalization="NFC")
    text = "고양이가 cat 바다"
    assert tokenizer.decode_one(tokenizer.encode_one(text)) == text
    jamo = unicodedata.normalize("NFD", text)
    assert tokenizer.encode_one(jamo) == tokenizer.encode_one(text)
    assert trained(model, level, corpus=[unicodedata.normalize("NFD", t) for t in CORPUS],
                   normalization="NFC").vocab == tokenizer.vocab  # fmt: skip


def test_without_normalisation_decomposed_hangul_differs():
    """The control of the test above."""
    assert _BYTES.encode_one("각") != _BYTES.encode_one(unicodedata.normalize("NFD", "각"))


@pytest.mark.parametrize(("model", "level"), KINDS)
def test_two_processes_give_the_same_bytes(model, level, tmp_path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(CORPUS), encoding="utf-8")
    size = {"bytes": 300}.get(level, 85 if model == "unigram" else 110)
    code = (
        "import sys; from sememe.text.tokenizers.subwords import SubwordTokenizer as S; "
        f"S.train({str(corpus)!r}, model={model!r}, level={level!r}, vocab_size={size})"
        ".save(sys.argv[1])"
    )
    for name in ("a", "b"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=True)
    here = trained(model, level, vocab_size=size).save(tmp_path / "c").read_bytes()
    written = [(tmp_path / name / "tokenizer.json").read_bytes() for name in ("a", "b")]
    assert written == [here, here]


@pytest.mark.parametrize(("model", "level"), KINDS)
def test_the_order_of_the_corpus_does_not_matter(model, level):
    assert trained(model, level, corpus=CORPUS[::-1]).vocab == trained(model, level).vocab


@pytest.mark.parametrize(("model", "level"), KINDS)
def test_save_and_load_and_the_librarys_own_reader(model, level, tmp_path):
    import tokenizers

    tokenizer = trained(model, level, special_tokens=["<mask>"])
    path = tokenizer.save(tmp_path / "folder")
    assert path == tmp_path / "folder" / "tokenizer.json"
    assert tokenizer.save(tmp_path / "x.json") == tmp_path / "x.json"
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["x.json", "tokenizer.json"]
    texts = [*KOREAN, *ENGLISH, "a <mask> b", "낯선 말"]
    ids = tokenizer.encode(texts)
    foreign = tokenizers.Tokenizer.from_file(str(path))
    assert [foreign.encode(text).ids for text in texts] == ids
    for place in (path, path.parent, tmp_path / "x.json"):
        again = SubwordTokenizer.load(place)
        assert again.encode(texts) == ids
        assert again.special_tokens == tokenizer.special_tokens
        assert (again.vocab, again.merges) == (tokenizer.vocab, tokenizer.merges)
    assert tokenizer.vocab["<mask>"] in ids[-2]


def test_loading_drops_a_length_to_cut_at(tmp_path):
    tokenizer = trained()
    tokenizer.tokenizer.enable_truncation(2)
    tokenizer.tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert len(SubwordTokenizer.load(tmp_path).encode_one("the cat sleeps")) > 2


@pytest.mark.parametrize("model", ["unigram", "bpe"])
@pytest.mark.parametrize("fallback", [False, True])
@pytest.mark.parametrize("prefix", [False, True])
def test_a_sentencepiece_model_cuts_as_sentencepiece_does(model, fallback, prefix, tmp_path):
    from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

    written = io.BytesIO()

    def plain(text):  # composed, no names of control pieces, no half-width kana: see `convert`
        return unicodedata.is_normalized("NFC", text) and not {"<", *"\uff9e\uffde"} & {*text}

    texts = list(filter(plain, texts_in_sixteen_languages(400)))
    vocab_size = 1680 if fallback else 1425
    SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=written, model_type=model,
        vocab_size=vocab_size,
        byte_fallback=fallback, add_dummy_prefix=prefix,
        minloglevel=2, num_threads=1, character_coverage=0.99,
    )  # fmt: skip
    path = tmp_path / "small.model"
    path.write_bytes(written.getvalue())
    reference = SentencePieceProcessor(model_proto=written.getvalue())
    tokenizer = SubwordTokenizer.load(path)
    asked = [*texts, "two  spaces", "ａｂｃ full width", "x\U00013000y",
             unicodedata.normalize("NFD", "한국")]  # fmt: skip
    assert tokenizer.vocab_size == reference.get_piece_size()
    assert tokenizer.encode(asked) == reference.encode(asked)
    assert (tokenizer.unk_token, tokenizer.special_tokens[0]) == ("<unk>", "<unk>")
    clean = ["plain words", "고양이가 잔다"]
    assert tokenizer.decode(tokenizer.encode(clean)) == reference.decode(reference.encode(clean))
    again = SubwordTokenizer.load(tokenizer.save(tmp_path / "saved"))
    assert again.encode(asked) == tokenizer.encode(asked)


def test_the_default_encoders_own_model_is_read(tmp_path):
    data = model_info("use-multilingual-v3").read("tokenizer")
    (tmp_path / "sp.model").write_bytes(data)
    tokenizer, reference = SubwordTokenizer.load(tmp_path / "sp.model"), UnigramTokenizer(data)
    texts = [text for text in texts_in_sixteen_languages(300) if text.strip()]
    texts = [t for t, row in zip(texts, reference.encode(texts), strict=True) if 0 not in row]
    assert len(texts) > 100
    assert tokenizer.encode(texts) == reference.encode(texts)


def test_decompose_shows_unseen_words_typos_and_coinages():
    tokenizer = SubwordTokenizer.train(CORPUS, model="bpe", level="characters", vocab_size=110)
    assert tokenizer.decompose("고양이") == ["고양이"]
    coinage = tokenizer.decompose("고양이학교")
    assert "".join(coinage) == "고양이학교" and coinage[0] == "고양이"
    assert tokenizer.decompose("고뷁이")[-2:] == ["<unk>", "이"]
    assert _BYTES.decompose("catter") == ["cat", "ter"] or "".join(_BYTES.decompose("catter"))
    assert _BYTES.decompose("뷁") == ["\\xeb", "\\xb7", "\\x81"]  # a character in three pieces
    assert trained("unigram").decompose("catdog") != []
    assert _BYTES.decompose("") == []


def test_the_byte_letters_are_the_librarys():
    from tokenizers.pre_tokenizers import ByteLevel

    assert set(byte_letters()) == set(ByteLevel.alphabet())
    for byte in range(128):
        ((token, _),) = ByteLevel(False, use_regex=False).pre_tokenize_str(chr(byte))
        assert byte_letters()[token] == byte


def test_worked_report():
    """aa aa b / 가: "aa" is one piece (▁aa), b and 가 are two (▁ and a letter) or unknown."""
    tokenizer = SubwordTokenizer.train(
        ["aa aa aa aa b"], model="bpe", level="characters", vocab_size=1 + 3 + 2, coverage=1
    )
    assert tokenizer.merges == [("a", "a"), ("aa", "▁")] or len(tokenizer.merges) == 2
    report = measure_subwords(tokenizer, ["aa aa b", "가"])
    latin, hangul = report.rows
    assert (latin.script, latin.words, latin.tokens) == ("Latin", 3, 4)
    assert latin.fertility == pytest.approx(4 / 3) and latin.whole == pytest.approx(2 / 3)
    assert (latin.coverage, latin.unknown_rate) == (1, 0)
    assert (hangul.script, hangul.coverage, hangul.unknown_rate) == ("Hangul", 0, 0.5)
    assert report.total.words == 4 and report.total.tokens == 6
    assert report.to_dict()["total"]["coverage"] == 0.75


def test_a_script_that_was_trained_on_is_cheaper():
    """The control is the script that was not: the same words cost more pieces."""
    seen = {row.script: row.fertility for row in measure_subwords(_BYTES, CORPUS).rows}
    korean = SubwordTokenizer.train(KOREAN * 5, vocab_size=400)
    english = SubwordTokenizer.train(ENGLISH * 5, vocab_size=300)
    cost = [measure_subwords(t, KOREAN).total.fertility for t in (korean, english)]
    assert cost[0] < 0.5 * cost[1]
    assert set(seen) == {"Hangul", "Latin"}
    assert measure_subwords(_BYTES, ["\U00013000 ไทย 2026"]).total.unknown_rate == 0


def test_scripts():
    words = ["고양이", "cat", "東京", "カナ", "ไทย", "кот", "12%", "a가나", "ＡＢ", "ℓ", "µ"]
    assert [script_of(word) for word in words] == [
        "Hangul", "Latin", "Han", "Kana", "Thai", "Cyrillic", "none", "Hangul", "Latin",
        "Latin", "Greek",
    ]  # fmt: skip


@pytest.mark.parametrize(("model", "level"), KINDS)
def test_packed_files_and_lists_are_one_corpus(model, level, tmp_path):
    text = ("\ufeff" + "\r\n".join(CORPUS)).encode()
    for name, data in {"a": text, "a.gz": gzip.compress(text), "a.xz": lzma.compress(text)}.items():
        (tmp_path / name).write_bytes(data)
        assert trained(model, level, corpus=tmp_path / name).vocab == trained(model, level).vocab


def test_numbers_of_numpy_are_taken():
    same = SubwordTokenizer.train(CORPUS, vocab_size=np.int64(300), min_count=np.int32(2))
    assert same.vocab == SubwordTokenizer.train(CORPUS, vocab_size=300).vocab


@pytest.mark.parametrize(
    ("corpus", "options", "says"),
    [
        ((text for text in CORPUS), {}, "corpus is of type generator.*Type: list"),
        (iter(CORPUS), {}, "cannot be read twice"),
        (None, {}, "cannot be read twice"),
        ("nowhere.txt", {}, "is not a file"),
        ([], {}, "corpus is empty"),
        (["", "  "], {}, "corpus is empty"),
        ([["a", "b"]], {}, "item 1 of the corpus is of type list"),
        (CORPUS, {"vocab_size": 200}, "too small: the 256 bytes and 0 special tokens need 256"),
        (CORPUS, {"vocab_size": 100_000}, "too large: the corpus gives [0-9]+ pieces"),
        (CORPUS, {"vocab_size": -1}, "give a whole number"),
        (CORPUS, {"vocab_size": 10**9}, "give a whole number to 10,000,000"),
        (CORPUS, {"coverage": 0}, "coverage=0"),
        (CORPUS, {"min_count": 0}, "min_count=0"),
        (CORPUS, {"special_tokens": ["a", "a"]}, "different"),
        (CORPUS, {"special_tokens": "abc"}, r"special_tokens='abc'; give a list of names"),
        (CORPUS, {"vocab_size": 300.0}, "give a whole number"),
        (CORPUS, {"model": "unigram", "level": "bytes"}, 'level="bytes" is for model="bpe"'),
        (CORPUS, {"model": "unigram", "vocab_size": 20}, "too small for the characters"),
        (CORPUS, {"model": "unigram", "vocab_size": 9999}, "too large: the corpus gives at most"),
        (CORPUS, {"level": "characters", "vocab_size": 20}, "too small: the [0-9]+ characters"),
        (CORPUS, {"level": "characters", "vocab_size": 9999}, "too large"),
    ],
)
def test_bad_input_says_what_to_give(corpus, options, says):
    with pytest.raises(InvalidInputError, match=says):
        SubwordTokenizer.train(corpus, **{"vocab_size": 300, **options})


@pytest.mark.parametrize("model", ["bpe", "unigram"])
def test_an_empty_corpus_of_characters(model):
    with pytest.raises(InvalidInputError, match="corpus is empty"):
        SubwordTokenizer.train([" "], model=model, level="characters")


@pytest.mark.parametrize(("model", "level"), KINDS)
def test_a_word_of_a_megabyte_takes_seconds(model, level):
    """Uncut it took the byte-level trainer minutes: its cost grows with the square of a word."""
    endless = "가나다라abc" * 80_000
    tokenizer = trained(model, level, corpus=[endless, *CORPUS])
    assert len(tokenizer.encode_one(endless)) > 1000


def test_unknown_names_list_the_names():
    for option in ("model", "level", "normalization"):
        with pytest.raises(UnknownNameError, match=f"{option}='byte' is not one of"):
            SubwordTokenizer.train(CORPUS, **{option: "byte"})


def test_bad_files_are_named(tmp_path):
    for name, data in {"a.json": b"{}", "b.json": b'{"model": 1', "c.model": b"no", "d.model": b"",
                       "e.json": b"{\xff"}.items():  # fmt: skip
        (tmp_path / name).write_bytes(data)
        with pytest.raises(CorruptFileError, match=name):
            SubwordTokenizer.load(tmp_path / name)
    with pytest.raises(InvalidInputError, match="is not a file"):
        SubwordTokenizer.load(tmp_path)
    (tmp_path / "bad.txt").write_bytes(b"fine\n\xff\n")
    with pytest.raises(InvalidInputError, match=r"bad\.txt, line 2: byte 0xff"):
        SubwordTokenizer.train(tmp_path / "bad.txt")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"text\n" * 99)[:-9])
    with pytest.raises(CorruptFileError, match=r"cut\.gz"):
        SubwordTokenizer.train(tmp_path / "cut.gz")


def test_bad_ids_and_bare_strings():
    with pytest.raises(InvalidInputError, match="id 300 is not a piece; allowed: 0 to 299"):
        _BYTES.decode([[300]])
    with pytest.raises(InvalidInputError, match="encode_one"):
        _BYTES.encode("text")
    assert _BYTES.encode([]) == [] and _BYTES.decode([]) == []


def test_a_vocabulary_of_words_is_no_subword_model(tmp_path):
    from sentencepiece import SentencePieceTrainer

    written = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=written, model_type="word", vocab_size=20,
        minloglevel=2,
    )  # fmt: skip
    (tmp_path / "word.model").write_bytes(written.getvalue())
    with pytest.raises(InvalidInputError, match="allowed: unigram and bpe"):
        SubwordTokenizer.load(tmp_path / "word.model")


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match=r"pip install 'sememe\[words\]'"):
        SubwordTokenizer.train(CORPUS)
