"""What the tests of training share: a small network with random weights, texts of two subjects."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

SEA = "ship wave harbour sail tide anchor deck coast island captain".split()
KITCHEN = "pan oven spoon flour butter salt dough kettle recipe onion".split()
PLAIN = "the a of and in on with was is to".split()
MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def network(folder: Path, *, seed: int = 0, heads: bool = False) -> Path:
    """Write a BERT of 32 dimensions over these words; heads: with a masked-LM head."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertForMaskedLM, BertModel, PreTrainedTokenizerFast

    pieces = [*MARKS, *PLAIN, *SEA, *KITCHEN, "##s", "##ed", *"abcdefghijklmnopqrstuvwxyz"]
    pieces += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    pieces = list(dict.fromkeys(pieces))
    own = Tokenizer(models.WordPiece({p: i for i, p in enumerate(pieces)}, unk_token="[UNK]"))
    own.normalizer = normalizers.BertNormalizer()
    own.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    own.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    names = ("pad", "unk", "cls", "sep", "mask")
    marks = {f"{name}_token": mark for name, mark in zip(names, MARKS, strict=True)}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=own, model_max_length=64, **marks)
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        pad_token_id=0,
    )
    (BertForMaskedLM if heads else BertModel)(config).save_pretrained(folder)
    torch.set_rng_state(state)
    tokenizer.save_pretrained(folder)
    return folder


def sentence(words: list[str], rng: np.random.Generator) -> str:
    """Three words of a subject among plain ones."""
    chosen = [*rng.choice(words, 3, replace=False), *rng.choice(PLAIN, 3, replace=False)]
    rng.shuffle(chosen)
    return " ".join(chosen)


def scored(n: int, seed: int) -> list[tuple[str, str, float]]:
    """Pairs of sentences, 5 for one subject and 0 for two."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        first, second = rng.integers(2, size=2)
        pair = [sentence((SEA, KITCHEN)[i], rng) for i in (first, second)]
        rows.append((*pair, 5.0 * (first == second)))
    return rows


def pairs(n: int, seed: int) -> list[tuple[str, str]]:
    """Sentences of three words, and their words in another order among others."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        words = list(rng.choice(SEA + KITCHEN, 3, replace=False))
        first, second = [*words, *rng.choice(PLAIN, 2)], [*words, *rng.choice(PLAIN, 2)]
        rng.shuffle(first)
        rng.shuffle(second)
        rows.append((" ".join(first), " ".join(second)))
    return rows


def write_tsv(path: Path, names: list[str], rows: list) -> Path:
    """Write a table."""
    lines = ["\t".join(names), *("\t".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def losses(folder: Path) -> list[tuple[int, float]]:
    """The curve of a saved model."""
    curve = json.loads((folder / "sememe.json").read_text(encoding="utf-8"))["curve"]
    return [tuple(point) for point in curve["losses"]]
