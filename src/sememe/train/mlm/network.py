"""What masked language modelling begins with: a tokenizer of the corpus, and BERT of a size."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sememe._errors import InvalidInputError
from sememe.text.lines import Corpus
from sememe.train.mlm.packing import Marks

if TYPE_CHECKING:
    from numpy.typing import NDArray

Size = Literal["tiny", "mini", "small", "medium", "base"]
# layers, width, heads and the step size at its highest (Turc et al. 2019, arXiv:1908.08962)
SIZES: dict[str, tuple[int, int, int, float]] = {
    "tiny": (2, 128, 2, 2e-3),
    "mini": (4, 256, 4, 1e-3),
    "small": (4, 512, 8, 7e-4),
    "medium": (8, 512, 8, 5e-4),
    "base": (12, 768, 12, 2e-4),
}
_MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
POSITIONS = 512  # a row may have, at most
_SHARP = 2.0  # how much a head begins to prefer its place


def trained_tokenizer(corpus: Corpus, vocab_size: int, folder: Path, *, max_tokens: int) -> Any:
    """Train a tokenizer, or open the one that a run before has left in the folder."""
    from tokenizers.processors import ByteLevel, Sequence, TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    from sememe.text.tokenizers.subwords import SubwordTokenizer

    if not (folder / "tokenizer.json").is_file():
        trained = SubwordTokenizer.train(
            corpus,
            vocab_size=vocab_size,
            special_tokens=_MARKS,
            normalization="NFC",
            allow_fewer=True,
        )
        trained.save(folder)
    own = _taking_its_space(SubwordTokenizer.load(folder).tokenizer)
    ids = [(name, own.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    marked = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ids
    )
    own.post_processor = Sequence([ByteLevel(trim_offsets=True), marked])  # spans without spaces
    names = dict(zip(("pad", "unk", "cls", "sep", "mask"), _MARKS, strict=True))
    marks = {f"{name}_token": mark for name, mark in names.items()}
    return PreTrainedTokenizerFast(tokenizer_object=own, model_max_length=max_tokens, **marks)


def _taking_its_space(tokenizer: Any) -> Any:
    """Return the tokenizer with a mask that takes the space before it, as RoBERTa's does.

    A word's token begins with its space (" word"), so that a space left alone before the mask would
    say that the middle of a word follows.
    """
    from tokenizers import Tokenizer

    found = json.loads(tokenizer.to_str())
    for token in found["added_tokens"]:
        token["lstrip"] = token["content"] == _MARKS[-1]
    return Tokenizer.from_str(json.dumps(found))


def fresh_network(size: str, tokenizer: Any, dropout: float, *, max_tokens: int) -> Any:
    """Return BERT of a size with random weights, and no place that no row would ever reach."""
    from transformers import BertConfig, BertForMaskedLM

    layers, width, heads, _ = SIZES[size]
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=max_tokens,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.02 * (768 / width) ** 0.5,  # BERT's own at its width
    )
    return BertForMaskedLM(config)


def begin(model: Any, counts: NDArray[np.int64]) -> None:
    """Let a fresh network begin as a window over the words beside each place.

    With random weights alone a small network answers the most frequent token for millions of
    tokens, until it finds that positions matter. So the first layer's heads begin looking 1 back,
    1 on, 2 back, 2 on and so forth: positions are sines, which a rotation moves by a place, and a
    head's query is its key rotated. The head's bias begins at the tokens' frequencies. All of it
    is learnt on from there.

    counts: (vocabulary,) How often each token occurs in the corpus.

    References: d'Ascoli et al. 2021, ConViT (arXiv:2103.10697), whose heads begin so on images;
    Vaswani et al. 2017, 3.5 (arXiv:1706.03762), the sines.
    """
    import torch

    config = model.config
    width, half = config.hidden_size, config.hidden_size // 2
    rates = math.pi * torch.rand(half)  # radians a place
    with torch.no_grad():
        angles = torch.arange(float(config.max_position_embeddings))[:, None] * rates
        waves = torch.cat([torch.sin(angles), torch.cos(angles)], 1)
        embeddings = model.bert.embeddings
        embeddings.position_embeddings.weight.copy_(math.sqrt(2) * config.initializer_range * waves)
        embeddings.token_type_embeddings.weight.zero_()
        share = (counts + 1) / (counts.sum() + len(counts))
        model.cls.predictions.bias.copy_(torch.from_numpy(np.log(share)))
        attention = model.bert.encoder.layer[0].attention.self
        size = width // config.num_attention_heads
        for head in range(config.num_attention_heads):
            places = (head // 2 + 1) * (1 if head % 2 else -1)
            cos, sin = torch.diag(torch.cos(places * rates)), torch.diag(torch.sin(places * rates))
            moved = torch.cat([torch.cat([cos, sin], 1), torch.cat([-sin, cos], 1)])
            key = math.sqrt(_SHARP) * torch.linalg.qr(torch.randn(width, size))[0].T
            rows = slice(head * size, (head + 1) * size)
            attention.key.weight[rows] = key
            attention.query.weight[rows] = key @ moved


def marks_of(tokenizer: Any) -> Marks:
    """Return the ids of a tokenizer's marks.

    Raises:
        InvalidInputError: It lacks one.
    """
    names = {
        "begin": tokenizer.cls_token_id,
        "end": tokenizer.sep_token_id,
        "pad": tokenizer.pad_token_id,
        "mask": tokenizer.mask_token_id,
    }
    if lacking := [name for name, id_ in names.items() if id_ is None]:
        raise InvalidInputError(
            f"the base's tokenizer has no {', '.join(lacking)} token, which masking needs. Give "
            "another base."
        )
    return Marks(**names)


def text_ids(tokenizer: Any) -> list[int]:
    """Return the ids that stand for text."""
    special = set(tokenizer.all_special_ids)
    return [id_ for id_ in sorted(tokenizer.get_vocab().values()) if id_ not in special]
