"""Tokenizer and BERT network for masked language modelling from scratch."""

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
# layers, width, heads and peak learning rate (Turc et al. 2019, arXiv:1908.08962)
SIZES: dict[str, tuple[int, int, int, float]] = {
    "tiny": (2, 128, 2, 2e-3),
    "mini": (4, 256, 4, 1e-3),
    "small": (4, 512, 8, 7e-4),
    "medium": (8, 512, 8, 5e-4),
    "base": (12, 768, 12, 2e-4),
}
_MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
POSITIONS = 512  # maximum length of a row
_SHARPNESS = 2.0  # initial preference of a head for its offset


def train_tokenizer(corpus: Corpus, vocab_size: int, folder: Path, *, max_tokens: int) -> Any:
    """Train a tokenizer, or open the one that an earlier run left in the folder."""
    from tokenizers import Tokenizer
    from tokenizers.processors import ByteLevel, Sequence, TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    from sememe.text.tokenizers.subwords import SubwordTokenizer

    if not (folder / "tokenizer.json").is_file():
        options: Any = {"special_tokens": _MARKS, "normalization": "NFC", "allow_fewer": True}
        SubwordTokenizer.train(corpus, vocab_size=vocab_size, **options).save(folder)
    document = json.loads(SubwordTokenizer.load(folder).tokenizer.to_str())
    for token in document["added_tokens"]:  # the mask includes the space before it, as RoBERTa's:
        token["lstrip"] = token["content"] == _MARKS[-1]  # alone it would be the middle of a word
    own = Tokenizer.from_str(json.dumps(document))
    ids = [(name, own.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    pair = "[CLS] $A [SEP] $B:1 [SEP]:1"
    marked = TemplateProcessing(single="[CLS] $A [SEP]", pair=pair, special_tokens=ids)
    own.post_processor = Sequence([ByteLevel(trim_offsets=True), marked])  # spans without spaces
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    marks = dict(zip(names, _MARKS, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=own, model_max_length=max_tokens, **marks)


def make_network(size: str, tokenizer: Any, dropout: float, *, max_tokens: int) -> Any:
    """Return BERT of a size with random weights and as many positions as a row has tokens."""
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


def initialise(model: Any, counts: NDArray[np.int64]) -> None:
    """Initialise a network so that its first layer attends to the tokens around each position.

    With random weights alone a small network predicts the most frequent token for millions of
    tokens, until it has learnt that positions matter. So the first layer's heads begin attending 1
    back, 1 ahead, 2 back, 2 ahead and so forth: positions are sines, which a rotation moves by a
    position, and a head's query is its key rotated. The head's bias begins at the log frequencies
    of the tokens. All of it is trained from there.

    counts: (vocabulary,) How often each token occurs in the corpus.

    References: d'Ascoli et al. 2021, ConViT (arXiv:2103.10697), whose heads begin so on images;
    Vaswani et al. 2017, 3.5 (arXiv:1706.03762), the sines.
    """
    import torch

    config = model.config
    width, half = config.hidden_size, config.hidden_size // 2
    rates = math.pi * torch.rand(half)  # radians per position
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
            offset = (head // 2 + 1) * (1 if head % 2 else -1)
            cos, sin = torch.diag(torch.cos(offset * rates)), torch.diag(torch.sin(offset * rates))
            rotation = torch.cat([torch.cat([cos, sin], 1), torch.cat([-sin, cos], 1)])
            key = math.sqrt(_SHARPNESS) * torch.linalg.qr(torch.randn(width, size))[0].T
            rows = slice(head * size, (head + 1) * size)
            attention.key.weight[rows] = key
            attention.query.weight[rows] = key @ rotation


def marks_of(tokenizer: Any) -> Marks:
    """Return the ids of a tokenizer's marks; InvalidInputError if it lacks one."""
    attributes = {"begin": "cls", "end": "sep", "pad": "pad", "mask": "mask"}
    ids = {name: getattr(tokenizer, f"{x}_token_id") for name, x in attributes.items()}
    if lacking := [name for name, id_ in ids.items() if id_ is None]:
        raise InvalidInputError(
            f"the base's tokenizer has no {', '.join(lacking)} token, which masking needs. Give "
            "another base."
        )
    return Marks(**ids)


def text_ids(tokenizer: Any) -> list[int]:
    """Return the ids of text tokens."""
    special = set(tokenizer.all_special_ids)
    return [id_ for id_ in sorted(tokenizer.get_vocab().values()) if id_ not in special]
